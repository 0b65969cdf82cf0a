"""The daily look for files that no record names."""

from __future__ import annotations

import io
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.jobs import JobExecution
from cictl_server.blobs.contract import Blobs

UNNAMED = [
    "artifacts/job-7/1/app",
    "artifacts/strange/name",
    "artifacts/job-7x/1/app",
    "reports/job-7/test-report.json",
    "icons/project-77",
    "icons/project-1x",
    "projects/3/artifacts/job-7/1/app",
    "logs/job-7.log",
    "projects/3/logs/job-7.2.log",
]
OTHERS = ["logs/job-7.txt", "logs/job.log", "projects/3/notes/job-7.log", "updates/download/x"]


@pytest.fixture
def job(server: RunningServer) -> JobExecution:
    server.enqueue()
    return server.running()


@pytest.fixture
def blobs(server: RunningServer, job: JobExecution) -> Blobs:
    """The files of a server with a job that has an artifact and a report, in a project with an icon; and strange ones."""
    server.post(f"/api/v1/jobs/{job.id}/tests", {"agent_id": "a", "report": {"total": 1}})
    upload = {"agent_id": "a", "artifacts": [{"path": "f", "data_base64": "eA=="}]}
    server.post(f"/api/v1/jobs/{job.id}/artifacts", upload)
    server.services.projects.projects.icons.put(1, b"BM")
    blobs = server.services.core.blobs
    for key in [*UNNAMED, *OTHERS, f"artifacts/{job.id}/7/app", f"reports/{job.id}/7/test-report.json"]:
        blobs.put(key, io.BytesIO(b"x"))
    return blobs


def keys(blobs: Blobs) -> set[str]:
    areas = ("artifacts/", "reports/", "icons/", "projects/", "logs/", "updates/")
    return {blob.key for area in areas for blob in blobs.iter_below(area)}


def test_what_no_record_names_is_removed_after_a_day(server: RunningServer, job: JobExecution, blobs: Blobs) -> None:
    sweep, before = server.services.retention.sweep, keys(blobs)
    server.clock.now = datetime.now(UTC) + timedelta(hours=23)
    sweep.run_if_due(threading.Event())
    assert keys(blobs) == before, "an upload may be under way"
    server.clock.step(2 * 3600)
    assert {blob.key for blob in sweep.unnamed()} >= set(UNNAMED)
    sweep.run_if_due(threading.Event())
    assert keys(blobs) == before, "the last look was two hours ago"
    server.clock.step(23 * 3600)
    sweep.run_if_due(threading.Event())
    left = keys(blobs)
    assert left >= set(OTHERS)
    assert sorted(key.split("/")[0] for key in left - set(OTHERS)) == ["artifacts", "icons", "reports"]
    assert server.get(f"/artifacts/{job.id}/f").content == b"x"
    assert server.get(f"/api/v1/jobs/{job.id}/tests").json["report"]["total"] == 1


def test_a_server_that_stops_does_not_wait_for_the_sweep(server: RunningServer, blobs: Blobs) -> None:
    before, stopping = keys(blobs), threading.Event()
    stopping.set()
    server.clock.now = datetime.now(UTC) + timedelta(days=2)
    server.services.retention.sweep.run_if_due(stopping)
    assert keys(blobs) == before
