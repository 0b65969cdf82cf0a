"""When the bytes of a log arrived, and where its steps begin."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from cictl_testing.server import RunningServer

from cictl.wire.jobs import JobSteps, LoggedStep, Step, StepEvent
from tests.server.jobs.test_logs import events


def begun(index: int, name: str, *, log_offset: int | None = None) -> StepEvent:
    return StepEvent(type="step.started", step=Step(index=index, total=2, name=name), log_offset=log_offset)


def talking_job(server: RunningServer, *pieces: str, apart: float = 10.0) -> str:
    """Return the id of a running execution whose log came in *pieces*, so many seconds apart; the clock stands still then."""
    server.enqueue()
    job_id = server.running().id
    offset = 0
    for piece in pieces:
        server.clock.step(apart)
        answer = server.report(job_id, "running", output_append=piece, output_offset=offset)
        assert answer.status_code == 200, answer.text
        offset += len(piece)
    return job_id


def timed(server: RunningServer, job_id: str, query: str = "") -> list[tuple[bytes, datetime | None]]:
    """Return the events of a finished log, each with its time."""
    stream = server.get(f"/api/v1/jobs/{job_id}/log", query_string=f"follow=1&times=1{query}")
    found = [data for name, data in events(stream.text) if name == "log"]
    return [
        (base64.b64decode(str(data["data_base64"])), msgspec.convert(data.get("received_utc"), datetime | None))
        for data in found
    ]


def since(server: RunningServer, job_id: str, *, seconds_ago: float) -> bytes:
    instant = (server.clock.now - timedelta(seconds=seconds_ago)).isoformat()
    return server.get(f"/api/v1/jobs/{job_id}/log", params={"since": instant}).content


def test_each_piece_keeps_the_time_of_its_arrival(server: RunningServer) -> None:
    job_id = talking_job(server, "one\n", "two\n", "three\n")
    server.report(job_id, "succeeded")
    now = server.clock.now
    ten = timedelta(seconds=10)
    assert timed(server, job_id) == [(b"one\n", now - 2 * ten), (b"two\n", now - ten), (b"three\n", now)]
    assert timed(server, job_id, "&offset=5") == [(b"wo\n", now - ten), (b"three\n", now)]


def test_what_comes_within_a_second_is_one_piece(server: RunningServer) -> None:
    job_id = talking_job(server, "a", "b", "c", apart=0.4)
    server.report(job_id, "succeeded")
    assert [data for data, _ in timed(server, job_id)] == [b"abc"]


def test_the_closing_line_has_the_time_of_the_end(server: RunningServer) -> None:
    job_id = talking_job(server, "one\n")
    server.clock.step(60)
    server.cancel(job_id)
    pieces = timed(server, job_id)
    assert pieces[-1] == (b"[control] job cancelled by user", server.clock.now)


def test_without_asking_nothing_is_cut_or_timed(server: RunningServer) -> None:
    job_id = talking_job(server, "one\n", "two\n")
    server.report(job_id, "succeeded")
    stream = server.get(f"/api/v1/jobs/{job_id}/log", query_string="follow=1")
    (_, log), _ = events(stream.text)
    assert set(log) == {"offset", "data_base64"}
    assert base64.b64decode(str(log["data_base64"])) == b"one\ntwo\n"


@pytest.mark.parametrize(
    ("seconds_ago", "expected"),
    [
        pytest.param(3600, b"one\ntwo\nthree\n", id="before the beginning"),
        pytest.param(20, b"one\ntwo\nthree\n", id="exactly then"),
        pytest.param(18, b"two\nthree\n", id="between two"),
        pytest.param(0, b"three\n", id="the last"),
        pytest.param(-5, b"", id="the future"),
    ],
)
def test_since(server: RunningServer, seconds_ago: float, expected: bytes) -> None:
    job_id = talking_job(server, "one\n", "two\n", "three\n")
    assert since(server, job_id, seconds_ago=seconds_ago) == expected


def test_since_gives_the_closing_line_of_a_silent_log(server: RunningServer) -> None:
    job_id = talking_job(server, "one\n")
    server.clock.step(60)
    server.cancel(job_id)
    assert since(server, job_id, seconds_ago=30) == b"[control] job cancelled by user"
    server.clock.step(60)
    assert since(server, job_id, seconds_ago=30) == b""


def test_since_is_the_earliest_byte_not_the_first_wanted(server: RunningServer) -> None:
    job_id = talking_job(server, "one\n", "two\n")
    instant = (server.clock.now - timedelta(seconds=5)).isoformat()
    answer = server.get(f"/api/v1/jobs/{job_id}/log", params={"since": instant, "offset": "6"})
    assert (answer.content, answer.headers["X-Log-Offset"]) == (b"o\n", "6")


@pytest.mark.parametrize("instant", ["yesterday", "2026-01-31T12:00:00", "12:00"])
def test_a_bad_instant_is_named(server: RunningServer, instant: str) -> None:
    answer = server.get(f"/api/v1/jobs/{talking_job(server, 'x')}/log", params={"since": instant})
    assert answer.status_code == 400
    assert "since" in answer.text


def test_bytes_that_are_sent_again_keep_their_time(server: RunningServer) -> None:
    job_id = talking_job(server, "one\n")
    first = server.clock.now
    server.clock.step(30)
    server.report(job_id, "running", output_append="one\n", output_offset=0)
    server.report(job_id, "succeeded")
    assert timed(server, job_id) == [(b"one\n", first)]


def test_times_outlive_a_restart(server: RunningServer) -> None:
    job_id = talking_job(server, "one\n")
    first = server.clock.now
    server.restart()
    server.clock.step(10)
    server.report(job_id, "running", output_append="two\n", output_offset=4)
    server.report(job_id, "succeeded")
    assert timed(server, job_id) == [(b"one\n", first), (b"two\n", server.clock.now)]


@pytest.mark.tinydb
@pytest.mark.parametrize("rest", [b"", b"\xff", b"[" * 3000], ids=["cut", "not-utf-8", "endless-nesting"])
def test_a_torn_line_loses_one_time_and_no_bytes(server: RunningServer, rest: bytes) -> None:
    job_id = talking_job(server, "one\n", "two\n")
    [index] = (server.directory / "logs").glob("*.index")
    index.write_bytes(index.read_bytes()[:-7] + rest)
    server.report(job_id, "succeeded")
    assert b"".join(data for data, _ in timed(server, job_id)) == b"one\ntwo\n"


@pytest.mark.tinydb
def test_a_log_whose_times_nobody_knows_is_shown_whole(server: RunningServer) -> None:
    job_id = talking_job(server, "one\n", "two\n")
    [index] = (server.directory / "logs").glob("*.index")
    index.unlink()
    assert since(server, job_id, seconds_ago=1) == b"one\ntwo\n"
    server.report(job_id, "succeeded")
    assert timed(server, job_id) == [(b"one\ntwo\n", None)]


@pytest.mark.tinydb
def test_removal_takes_the_index_along(server: RunningServer) -> None:
    job_id = talking_job(server, "one\n")
    server.report(job_id, "succeeded")
    assert server.post("/api/v1/jobs/flush-history").status_code == 200
    assert list((server.directory / "logs").iterdir()) == []


def test_steps_begin_where_the_agent_says(server: RunningServer) -> None:
    job_id = talking_job(server, "checkout\n")
    first = server.clock.now
    server.report(job_id, "running", events=[begun(1, "compile", log_offset=9)])
    server.clock.step(5)
    server.report(job_id, "running", events=[begun(1, "compile", log_offset=9), begun(2, "test", log_offset=40)])
    assert server.read(JobSteps, f"/api/v1/jobs/{job_id}/steps").steps == [
        LoggedStep(index=1, total=2, name="compile", started_utc=first, log_offset=9),
        LoggedStep(index=2, total=2, name="test", started_utc=server.clock.now, log_offset=40),
    ]


def test_a_step_that_is_reported_late_began_when_its_agent_says(server: RunningServer) -> None:
    job_id = talking_job(server, "checkout\n")
    server.clock.step(5)
    theirs = datetime(2031, 1, 1, tzinfo=UTC)  # the clock of the agent is wrong, and only its differences count
    late = msgspec.structs.replace(begun(1, "compile", log_offset=9), timestamp_utc=theirs - timedelta(seconds=3))
    early = msgspec.structs.replace(begun(2, "test", log_offset=9), timestamp_utc=theirs - timedelta(hours=1))
    server.report(job_id, "running", events=[late, early], timestamp_utc=theirs)
    first, second = server.read(JobSteps, f"/api/v1/jobs/{job_id}/steps").steps
    assert first.started_utc == server.clock.now - timedelta(seconds=3)
    assert second.started_utc == server.job(job_id).started_utc


def test_a_step_of_an_agent_that_counts_no_bytes_begins_where_the_log_ended(server: RunningServer) -> None:
    job_id = talking_job(server, "checkout\n")
    server.report(job_id, "running", output="checkout\n[run] compile\n", events=[begun(1, "compile")])
    [step] = server.read(JobSteps, f"/api/v1/jobs/{job_id}/steps").steps
    assert step.log_offset == len("checkout\n")


def test_other_events_are_no_steps(server: RunningServer) -> None:
    job_id = talking_job(server, "x")
    server.report(job_id, "running", events=[StepEvent(type="step.paused", step=Step(index=1)), StepEvent()])
    assert server.read(JobSteps, f"/api/v1/jobs/{job_id}/steps").steps == []


def test_steps_of_an_unknown_execution(server: RunningServer) -> None:
    assert server.get("/api/v1/jobs/job-1/steps").status_code == 404
