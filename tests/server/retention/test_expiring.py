"""Groups of artifacts: what an upload tells of them, and how `keep_days` lets single files go before the others."""

from __future__ import annotations

import io
import threading
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from cictl_testing.server import RunningServer

from cictl.base.names.artifact_paths import link_entry
from cictl.wire.results.artifacts import Artifact, ArtifactList
from cictl.wire.words import JobFeature

DAY = 24 * 3600
GROUPS = "[{paths: [a], name: brew, keep_days: 3}, {paths: [b], name: tea, keep_days: 7}, {paths: [c]}]"


def grouped(files: dict[str, str], links: dict[str, str] | None = None) -> bytes:
    """Return a zip of *files*, each with its comment, and of links that tell no group."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, comment in files.items():
            info = zipfile.ZipInfo(name)
            info.comment = comment.encode()
            archive.writestr(info, "0123456789")
        for name, target in (links or {}).items():
            archive.writestr(link_entry(name), target)
    return buffer.getvalue()


@pytest.fixture
def pipeline(server: RunningServer) -> int:
    server.heartbeat(capabilities={JobFeature.ARTIFACTS: "1"})
    return server.define(f'[{{id: make, artifacts: {GROUPS}, steps: [{{run: "x"}}]}}]')


def ran(server: RunningServer, pipeline: int, body: bytes) -> str:
    """Run the pipeline with these artifacts, and return the job's id."""
    server.run(pipeline)
    job_id = server.running().id
    path = f"/api/v1/jobs/{job_id}/artifacts/upload-zip"
    answer = server.http.simulate_post(path, body=body, headers={"X-CIWI-Agent-ID": "a"})
    assert answer.status_code == 200, answer.text
    server.report(job_id, "succeeded")
    return job_id


def listed(server: RunningServer, job_id: str) -> list[Artifact]:
    return server.read(ArtifactList, f"/api/v1/jobs/{job_id}/artifacts").artifacts or []


def names(server: RunningServer, job_id: str) -> list[str]:
    return [artifact.path for artifact in listed(server, job_id)]


def files(server: RunningServer, job_id: str) -> set[str]:
    return {path.name for path in server.directory.glob(f"**/artifacts/{job_id}/**/*") if path.is_file()}


def clean(server: RunningServer) -> tuple[int, int]:
    """Remove what may go, and return how many artifacts and bytes that were."""
    preview = server.get("/api/v1/retention/preview").json
    gone = server.post("/api/v1/retention/run").json
    assert (gone["artifacts"], gone["bytes"]) == (preview["artifacts"], preview["bytes"])
    return gone["artifacts"], gone["bytes"]


def test_artifacts_tell_their_group(server: RunningServer, pipeline: int) -> None:
    job_id = ran(server, pipeline, grouped({"a": "1", "b": "2", "c": "3", "d": "", "e": "9", "f": "1 or so"}))
    found = {artifact.path: (artifact.name, artifact.keep_days) for artifact in listed(server, job_id)}
    assert found == {"a": ("brew", 3), "b": ("tea", 7), **dict.fromkeys("cdef", ("", 0))}


def test_files_go_after_the_days_of_their_group(server: RunningServer, pipeline: int) -> None:
    job_id = ran(server, pipeline, grouped({"a": "1", "b": "2", "c": "3"}))
    server.clock.step(3 * DAY)
    assert (clean(server), names(server, job_id)) == ((0, 0), ["a", "b", "c"])
    server.clock.step(1)
    assert (clean(server), names(server, job_id), files(server, job_id)) == ((1, 10), ["b", "c"], {"b", "c"})
    server.restart()
    server.clock.step(5 * DAY)
    assert (clean(server), names(server, job_id), files(server, job_id)) == ((1, 10), ["c"], {"c"})
    assert server.job(job_id).artifacts_removed_utc is None


def test_a_job_whose_files_are_all_gone_says_so(server: RunningServer, pipeline: int) -> None:
    job_id = ran(server, pipeline, grouped({"a": "1", "b": "1"}))
    server.clock.step(4 * DAY)
    assert clean(server) == (2, 20)
    assert server.job(job_id).artifacts_removed_utc is not None
    assert (names(server, job_id), files(server, job_id)) == ([], set())


def test_a_link_goes_with_the_file_at_its_end(server: RunningServer, pipeline: int) -> None:
    job_id = ran(server, pipeline, grouped({"a": "1", "c": ""}, {"to-a": "a", "to-link": "to-a", "to-c": "c"}))
    server.clock.step(4 * DAY)
    assert clean(server) == (3, 10)
    assert names(server, job_id) == ["c", "to-c"]


def test_the_servers_own_limit_counts_where_it_is_shorter(server: RunningServer, pipeline: int) -> None:
    failed = ran(server, pipeline, grouped({"b": "2", "c": ""}))
    ran(server, pipeline, b"")
    assert server.post("/api/v1/retention", {"artifact_days": 1}).status_code == 200
    server.clock.step(2 * DAY)
    assert clean(server) == (2, 20)
    assert names(server, failed) == []


def test_files_of_pinned_runs_stay(server: RunningServer, pipeline: int) -> None:
    job_id = ran(server, pipeline, grouped({"a": "1"}))
    assert server.post(f"/api/v1/runs/{server.job(job_id).facts.run_number}/pin").status_code == 200
    server.clock.step(9 * DAY)
    assert (clean(server), names(server, job_id)) == ((0, 0), ["a"])


def test_a_file_that_was_left_on_the_disk_is_swept(server: RunningServer, pipeline: int) -> None:
    job_id = ran(server, pipeline, grouped({"a": "1", "c": "3"}))
    [path] = server.directory.glob(f"**/artifacts/{job_id}/**/a")
    server.clock.step(4 * DAY)
    clean(server)
    path.write_text("left by a kill")
    server.clock.now = datetime.now(UTC) + timedelta(days=2)
    server.services.retention.sweep.run_if_due(threading.Event())
    assert files(server, job_id) == {"c"}
