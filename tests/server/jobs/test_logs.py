"""Logs by range and as an event stream."""

from __future__ import annotations

import base64
import json
import threading

import pytest
from cictl_testing.server import RunningServer


def events(text: str) -> list[tuple[str, dict[str, object]]]:
    """Return name and data of each event in a stream."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def logged(server: RunningServer, text: str) -> str:
    """Return the id of a running execution with this log."""
    server.enqueue()
    job = server.running()
    server.report(job.id, "running", output_append=text, output_offset=0)
    return job.id


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", b"0123456789"),
        ("offset=4", b"456789"),
        ("offset=4&limit=3", b"456"),
        ("offset=10", b""),
        ("offset=99", b""),
        pytest.param(f"offset={10**18 - 1}", b"", id="further than any file reaches"),
    ],
)
def test_ranges(server: RunningServer, query: str, expected: bytes) -> None:
    job_id = logged(server, "0123456789")
    answer = server.get(f"/api/v1/jobs/{job_id}/log", query_string=query)
    assert answer.content == expected
    assert (answer.headers["X-Log-Size"], answer.headers["X-Log-Complete"]) == ("10", "false")


@pytest.mark.parametrize("query", ["offset=-1", "offset=x", "limit=-3", "offset=1.5"])
def test_bad_ranges_are_named(server: RunningServer, query: str) -> None:
    answer = server.get(f"/api/v1/jobs/{logged(server, 'x')}/log", query_string=query)
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.text


def test_a_range_may_cross_into_the_closing_line(server: RunningServer) -> None:
    job_id = logged(server, "0123456789")
    server.cancel(job_id)
    whole = b"0123456789\n[control] job cancelled by user"
    for offset in range(len(whole) + 1):
        answer = server.get(f"/api/v1/jobs/{job_id}/log", query_string=f"offset={offset}&limit=7")
        assert answer.content == whole[offset : offset + 7]
        assert (answer.headers["X-Log-Size"], answer.headers["X-Log-Complete"]) == (str(len(whole)), "true")


def test_a_follower_of_a_finished_execution_gets_everything_and_the_end(server: RunningServer) -> None:
    job_id = logged(server, "héllo")
    server.report(job_id, "failed", exit_code=3)
    stream = server.get(f"/api/v1/jobs/{job_id}/log", query_string="follow=1&offset=1")
    assert stream.headers["Content-Type"] == "text/event-stream"
    (first, log), (last, state) = events(stream.text)
    assert (first, log) == ("log", {"offset": 1, "data_base64": base64.b64encode("héllo".encode()[1:]).decode()})
    assert (last, state["status"], state["exit_code"]) == ("end", "failed", 3)


def test_a_follower_goes_on_where_its_last_event_says(server: RunningServer) -> None:
    job_id = logged(server, "0123456789")
    server.report(job_id, "succeeded")
    stream = server.get(f"/api/v1/jobs/{job_id}/log", query_string="follow=1&offset=0", headers={"Last-Event-ID": "8"})
    assert base64.b64decode(str(events(stream.text)[0][1]["data_base64"])) == b"89"


def test_a_follower_sees_what_is_appended_while_it_waits(server: RunningServer) -> None:
    job_id = logged(server, "one ")
    seen: list[str] = []

    def follow() -> None:
        seen.append(server.get(f"/api/v1/jobs/{job_id}/log", query_string="follow=1").text)

    follower = threading.Thread(target=follow)
    follower.start()
    server.report(job_id, "running", output_append="two", output_offset=4)
    server.report(job_id, "succeeded")
    follower.join(timeout=60)
    assert seen
    pieces = [base64.b64decode(str(data["data_base64"])) for name, data in events(seen[0]) if name == "log"]
    assert b"".join(pieces) == b"one two"


def test_a_last_event_id_that_no_log_gave_is_passed_over(server: RunningServer) -> None:
    job_id = logged(server, "0123456789")
    server.report(job_id, "succeeded")
    answer = server.get(f"/api/v1/jobs/{job_id}/log", query_string="follow=1", headers={"Last-Event-ID": "9" * 5000})
    assert [name for name, _ in events(answer.text)] == ["log", "end"]


def test_followers_beyond_the_places_are_told_to_come_back(server: RunningServer) -> None:
    server.restart_with(waiting_places=2)
    job_id = logged(server, "x")
    for number in range(2):
        server.services.core.hub.take_place(f"agent {number}")
    answer = server.get(f"/api/v1/jobs/{job_id}/log", query_string="follow=1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


def test_a_follower_gives_its_place_back(server: RunningServer) -> None:
    job_id = logged(server, "x")
    server.report(job_id, "succeeded")
    for _ in range(200):
        assert server.get(f"/api/v1/jobs/{job_id}/log", query_string="follow=1").status_code == 200


def test_an_unknown_execution_has_no_log(server: RunningServer) -> None:
    for query in ("", "follow=1"):
        assert server.get("/api/v1/jobs/job-9/log", query_string=query).status_code == 404


@pytest.mark.parametrize(
    ("log", "begin"),
    [
        pytest.param("x\n" + "line of ä\n" * 60_000, "line of ä\n", id="lines"),
        pytest.param("ä" * 300_000, "ää", id="one-line"),
        pytest.param("x" + "ä" * 300_000, "ää", id="one-line-shifted"),
        pytest.param("€" * 200_001 + "\nend\n", "€€", id="long-line"),
    ],
)
def test_output_begins_with_a_line_or_a_character(server: RunningServer, log: str, begin: str) -> None:
    server.enqueue()
    job = server.running()
    server.report(job.id, "running", output_append=log, output_offset=0)
    output = server.job(job.id).output
    assert output.startswith(begin)
    assert log.endswith(output)
    assert 524_288 - 20 < len(output.encode()) <= 524_288
