"""A disk without space: every write is refused with 507 and what to free, and all goes on by itself afterwards."""

from __future__ import annotations

import base64
import errno
import io
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import falcon.testing
import pytest
from cictl_testing.processes import eventually
from cictl_testing.server import RunningServer

from cictl_client import ApiError, Client
from cictl_server.blobs.directory import DirectoryBlobs
from cictl_server.errors import DiskLow
from cictl_server.serve import ServerConfig
from cictl_server.services.core.limits.disk import Disk, Room
from cictl_server.services.logs.book import LogBook
from cictl_server.threaded import serving as in_threads

TMPFS_BYTES = 4 << 20
NOISE = os.urandom(1 << 20)

Request = Callable[[RunningServer, str], falcon.testing.Result]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[RunningServer]:
    """A server whose data directory is a disk of 4 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    server = RunningServer(disk, min_free=0)
    yield server
    server.close()
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(directory: Path) -> Path:
    """Write until nothing fits any more, and return the file."""
    ballast = directory / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            with suppress(OSError):
                while file.write(bytes(size)):
                    pass
    return ballast


def zipped(size: int = len(NOISE)) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("big", NOISE * (size // len(NOISE)))
    return body.getvalue()


def report(server: RunningServer, job_id: str) -> falcon.testing.Result:
    return server.report(job_id, "running", output_append="x" * 100_000, output_offset=0)


def upload_zip(server: RunningServer, job_id: str) -> falcon.testing.Result:
    headers = {"X-CIWI-Agent-ID": "a"}
    return server.http.simulate_post(f"/api/v1/jobs/{job_id}/artifacts/upload-zip", body=zipped(), headers=headers)


def upload_json(server: RunningServer, job_id: str) -> falcon.testing.Result:
    files = [{"path": "big", "data_base64": base64.b64encode(NOISE).decode()}]
    return server.post(f"/api/v1/jobs/{job_id}/artifacts", {"agent_id": "a", "artifacts": files})


def upload_tests(server: RunningServer, job_id: str) -> falcon.testing.Result:
    suite = {"format": "junit-xml", "total": 1, "passed": 1, "failed": 0, "skipped": 0, "name": "x" * 100_000}
    counts = {"total": 1, "passed": 1, "failed": 0, "skipped": 0, "suites": [suite]}
    return server.post(f"/api/v1/jobs/{job_id}/tests", {"agent_id": "a", "report": counts})


def finish(server: RunningServer, job_id: str) -> falcon.testing.Result:
    return server.report(job_id, "failed", exit_code=1, error="x" * 100_000)


WRITES: dict[str, Request] = {
    "log": report,
    "zip": upload_zip,
    "json": upload_json,
    "tests": upload_tests,
    "end": finish,
}


@pytest.mark.tinydb
def test_every_write_says_so_and_goes_on_once_there_is_room(small: RunningServer) -> None:
    small.enqueue()
    job = small.running()
    ballast = fill(small.directory)
    for name, write in WRITES.items():
        refused = write(small, job.id)
        assert (refused.status_code, refused.text.endswith(": No space left on device\n")) == (507, True), name
    ready = small.get("/readyz")
    assert ready.status_code == 503
    assert "make room on the disk of the data directory" in ready.text
    state = small.get("/api/v1/runtime-state").json
    assert (state["mode"], state["reasons"]) == ("degraded_offline", ["disk full on server"])
    assert small.job(job.id).status == "running"
    ballast.unlink()
    assert small.get("/readyz").status_code == 200
    assert small.get("/api/v1/runtime-state").json["mode"] == "normal"
    for name, write in WRITES.items():
        assert write(small, job.id).status_code == 200, name
    small.restart()
    assert small.job(job.id).status == "failed"


def test_a_log_that_finds_no_space_is_kept_by_its_agent(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.enqueue()
    job = server.running()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    with monkeypatch.context() as patch:
        patch.setattr(LogBook, "append", full)
        refused = report(server, job.id)
        assert (refused.status_code, refused.text) == (507, "the server's disk is full: Disk quota exceeded\n")
    assert report(server, job.id).status_code == 200
    assert len(server.log(job.id)) == 100_000


@pytest.mark.tinydb
def test_an_upload_that_does_not_fit_is_refused_as_it_comes(small: RunningServer) -> None:
    small.clock.now = datetime.now(UTC)
    small.enqueue()
    job = small.running()
    small.close()
    parts = small.directory / "artifacts"
    with in_threads(ServerConfig(data_dir=small.directory, port=0, min_free=0)) as server, Client(server.url) as client:
        with pytest.raises(ApiError, match="disk is full") as refused:
            client.upload_artifacts_zip(job.id, "a", io.BytesIO(zipped(2 * TMPFS_BYTES)))
        assert refused.value.status == 507
        eventually(lambda: not list(parts.glob("upload-*")), what="the end of what came")
        client.upload_artifacts_zip(job.id, "a", io.BytesIO(zipped(TMPFS_BYTES // 2)))
        assert [artifact.size_bytes for artifact in client.list_artifacts(job.id)] == [TMPFS_BYTES // 2]


@pytest.fixture
def low(tmp_path: Path) -> Iterator[RunningServer]:
    """A server that wants more room than any disk has, with an execution that an agent runs."""
    server = RunningServer(tmp_path / "data")
    server.enqueue()
    server.running()
    server.min_free = 1 << 60
    server.restart()
    yield server
    server.close()


def test_new_work_is_refused_while_there_is_little_room(low: RunningServer) -> None:
    [job] = low.get("/api/v1/jobs").json["job_executions"]
    refused = [
        low.post("/api/v1/pipelines/1/run-selection", {}),
        low.post(f"/api/v1/jobs/{job['id']}/rerun"),
        low.post("/api/v1/agents/a/actions", {"action": "run-script", "script": "x", "shell": "posix"}),
        upload_json(low, job["id"]),
        upload_zip(low, job["id"]),
    ]
    assert [answer.status_code for answer in refused] == [507] * 5
    assert refused[0].text.startswith("too little room for a new run: ")
    assert "should be (--min-free)" in refused[0].text
    assert "disk low on server" in low.get("/api/v1/runtime-state").json["reasons"]


def test_an_upload_is_refused_before_its_body_comes(low: RunningServer) -> None:
    [job] = low.get("/api/v1/jobs").json["job_executions"]
    with pytest.raises(DiskLow):
        low.services.artifacts.artifacts.check_target(job["id"], None)


def test_what_runs_already_may_finish(low: RunningServer) -> None:
    [job] = low.get("/api/v1/jobs").json["job_executions"]
    assert report(low, job["id"]).status_code == 200
    assert low.report(job["id"], "succeeded").status_code == 200
    assert low.get("/readyz").status_code == 200


@pytest.mark.parametrize(("total", "wanted"), [(1 << 40, 1 << 30), (10 << 30, 512 << 20)], ids=["large", "small"])
def test_by_default_a_gibibyte_or_a_twentieth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, total: int, wanted: int
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(total, total - wanted + 1, wanted - 1))
    assert Disk(tmp_path).room() == Room(free=wanted - 1, wanted=wanted)
    assert not Disk(tmp_path, min_free=0).room().is_low


@pytest.mark.parametrize("full", ["data", "files"])
def test_the_disk_with_the_least_room_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "files").mkdir()
    room = {tmp_path / "data": 10 << 30, tmp_path / "files": 10 << 30, tmp_path / full: 1 << 20}
    monkeypatch.setattr("shutil.disk_usage", lambda path: shutil._ntuple_diskusage(1 << 40, 0, room[path]))
    blobs = DirectoryBlobs(tmp_path / "files")
    server = RunningServer(tmp_path / "data", settings={"blobs": blobs})
    pipeline = server.define('[{id: work, steps: [{run: "true"}]}]')
    answer = server.post(f"/api/v1/pipelines/{pipeline}/run-selection", {})
    assert (answer.status_code, answer.text.startswith("too little room for a new run: 1.0 MiB are free")) == (
        507,
        True,
    )
    server.close()
