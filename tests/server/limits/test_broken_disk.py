"""A disk that fails or became read-only: what every write says, that reading goes on, and that nothing acknowledged is lost."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import falcon.testing
import pytest
from cictl_testing.server import RunningServer
from cictl_testing.stores.disk import watched

FILES = {"agent_id": "a", "artifacts": [{"path": "x", "data_base64": "eA=="}]}
COUNTS = {"total": 1, "passed": 1, "failed": 0, "skipped": 0}


def log(server: RunningServer, job_id: str) -> falcon.testing.Result:
    return server.report(job_id, "running", output_append="more", output_offset=4)


def artifacts(server: RunningServer, job_id: str) -> falcon.testing.Result:
    return server.post(f"/api/v1/jobs/{job_id}/artifacts", FILES)


def report_tests(server: RunningServer, job_id: str) -> falcon.testing.Result:
    return server.post(f"/api/v1/jobs/{job_id}/tests", {"agent_id": "a", "report": COUNTS})


def end(server: RunningServer, job_id: str) -> falcon.testing.Result:
    return server.report(job_id, "failed", error="exit status 1")


WRITES = (log, artifacts, report_tests, end)


def read_only(name: str, args: tuple[Any, ...]) -> None:
    writes = name == "open" and len(args) > 1 and args[1] & (os.O_WRONLY | os.O_RDWR)
    if writes or name in ("pwrite", "replace", "ftruncate"):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def failing(name: str, _args: tuple[Any, ...]) -> None:
    if name == "fsync":
        raise OSError(errno.EIO, os.strerror(errno.EIO))


pytestmark = pytest.mark.tinydb

DISKS = pytest.mark.parametrize(
    ("disk", "reason"),
    [(read_only, "Read-only file system"), (failing, "Input/output error")],
    ids=["read-only", "failing fsync"],
)


@pytest.fixture
def job_id(server: RunningServer) -> str:
    """An execution that runs, with four bytes of its log acknowledged."""
    server.enqueue()
    job = server.running()
    assert server.report(job.id, "running", output_append="some", output_offset=0).status_code == 200
    return job.id


@DISKS
def test_changes_say_so_and_reading_goes_on(
    server: RunningServer, job_id: str, disk: Callable[[str, tuple[Any, ...]], None], reason: str
) -> None:
    with watched(disk):
        started = server.post("/api/v1/pipelines/1/run-selection", {})
        assert (started.status_code, started.text) == (500, f"the store refuses changes: {reason}\n")
        refused = [write(server, job_id) for write in (artifacts, report_tests, end)]
        assert {(answer.status_code, answer.text.endswith(f": {reason}\n")) for answer in refused} == {(500, True)}
        ready = server.get("/readyz")
        assert (ready.status_code, reason in ready.text) == (503, True)
        assert server.get("/healthz").status_code == 200
        assert (server.job(job_id).status, server.log(job_id)[:4]) == ("running", b"some")
    server.restart()
    assert [write(server, job_id).status_code for write in WRITES] == [200] * 4
    assert (server.job(job_id).status, server.log(job_id)) == ("failed", b"somemore")


@contextmanager
def refusing(path: str) -> Iterator[None]:
    """Let the system refuse to write files below a folder of the data, also those that are open."""

    def before(name: str, args: tuple[Any, ...]) -> None:
        file = Path(f"/proc/self/fd/{args[0]}").readlink() if isinstance(args[0], int) else args[0]
        if f"/{path}/" in str(file):
            read_only(name, args)

    with watched(before):
        yield


def test_a_log_that_could_not_be_written_goes_on_by_itself(
    server: RunningServer, job_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    with refusing("logs"):
        refused = log(server, job_id)
        assert (refused.status_code, refused.text) == (500, "the server's disk fails: Read-only file system\n")
    assert "the server's disk fails" in caplog.text
    assert "Traceback" not in caplog.text
    assert log(server, job_id).status_code == 200
    assert server.log(job_id) == b"somemore"


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    command = [sys.executable, "-m", "cictl", "serve", "--port", "0", "--data-dir", str(file / "data")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        f"error: cannot write {file / 'data'}: Not a directory",
        "try: choose another --data-dir, or let this account write there",
    ]
