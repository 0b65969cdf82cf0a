"""Logs that several servers share become blobs when their executions are over, and nobody who reads them notices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.stores.chosen import PostgresPlaces

from cictl_server.blobs.contract import BlobsAway
from cictl_server.blobs.directory import DirectoryBlobs

TEXT = "one\ntwo\nthree\n"


@pytest.fixture
def server(tmp_path: Path, postgres_places: PostgresPlaces) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path / "data", kind="postgresql")
    yield running
    running.close()
    postgres_places.empty()


def finish_logs(server: RunningServer) -> None:
    server.services.logs.finisher.run()


def unfinished(server: RunningServer) -> list[str]:
    return list(server.log_writer.unfinished())


def blobs(server: RunningServer) -> list[str]:
    return [path.name for path in (server.directory / "logs").glob("*")]


@pytest.fixture
def job_id(server: RunningServer) -> str:
    """A running execution with a log that came in pieces."""
    server.enqueue()
    job_id = server.running().id
    offset = 0
    for line in TEXT.splitlines(keepends=True):
        server.clock.step(10)
        answer = server.report(job_id, "running", output_append=line, output_offset=offset)
        assert answer.status_code == 200, answer.text
        offset += len(line)
    return job_id


def seen(server: RunningServer, job_id: str) -> list[object]:
    """Return all that readers of a log may ask for."""
    path = f"/api/v1/jobs/{job_id}/log"
    since = (server.job(job_id).created_utc or server.clock.now).isoformat()
    return [
        server.log(job_id),
        server.job(job_id).output,
        server.get(path, params={"offset": "5", "limit": "4"}).content,
        server.get(path, params={"since": since}).content,
        server.get(path, query_string="follow=1&times=1").text,
        server.get(f"/api/v1/jobs/{job_id}/steps").text,
    ]


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancel"])
def test_readers_see_no_difference(server: RunningServer, job_id: str, end: str) -> None:
    if end == "cancel":
        server.cancel(job_id)
    else:
        assert server.report(job_id, end).status_code == 200
    before = seen(server, job_id)
    assert (unfinished(server), blobs(server)) == ([job_id], [])
    finish_logs(server)
    assert (unfinished(server), blobs(server)) == ([], [f"{job_id}.log"])
    assert seen(server, job_id) == before
    server.restart()
    assert seen(server, job_id) == before


def test_the_log_of_a_running_job_stays(server: RunningServer, job_id: str) -> None:
    finish_logs(server)
    assert unfinished(server) == [job_id]
    assert server.report(job_id, "running", output_append="x", output_offset=len(TEXT)).status_code == 200
    assert server.log(job_id).decode() == TEXT + "x"


def test_what_comes_after_a_cancel_and_the_pass_changes_nothing(server: RunningServer, job_id: str) -> None:
    server.cancel(job_id)
    finish_logs(server)
    before = server.log(job_id)
    assert server.report(job_id, "running", output_append="late", output_offset=len(TEXT)).status_code == 200
    assert server.log(job_id) == before


def test_a_bucket_that_is_away_loses_nothing(
    server: RunningServer, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server.report(job_id, "succeeded").status_code == 200

    def away(*_: object, **__: object) -> None:
        raise BlobsAway("s3://bucket", "no answer")

    with monkeypatch.context() as patch:
        patch.setattr(DirectoryBlobs, "put", away)
        finish_logs(server)
    assert (unfinished(server), server.log(job_id).decode()) == ([job_id], TEXT)
    finish_logs(server)
    assert (unfinished(server), server.log(job_id).decode()) == ([], TEXT)


@pytest.mark.parametrize("is_finished", [False, True], ids=["pieces", "blob"])
def test_the_log_goes_with_its_job(server: RunningServer, job_id: str, is_finished: bool) -> None:
    server.report(job_id, "succeeded")
    if is_finished:
        finish_logs(server)
    assert server.post("/api/v1/jobs/flush-history").status_code == 200
    assert (list(server.log_writer.names()), blobs(server)) == ([], [])


def test_what_a_kill_left_is_removed(server: RunningServer, job_id: str) -> None:
    """The log of an attempt that was given up, and that of an execution that was deleted."""
    for name in (f"{job_id}.7", "job-5"):
        assert server.log_writer.append(name, b"left", at=0, now=server.clock.now)
    finish_logs(server)
    assert list(server.log_writer.names()) == [job_id]
