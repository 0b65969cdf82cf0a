"""A whole server whose files are in a bucket."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cictl_testing.files import zipped
from cictl_testing.processes import Process, Workplace
from cictl_testing.server import RunningServer
from cictl_testing.servers.seaweed import READERS_KEY, READERS_SECRET, Seaweed

from cictl.base.names.artifact_paths import link_entry
from cictl.wire.jobs import JobExecution
from cictl_server.blobs.s3.blobs import S3Blobs

REPORT = {"total": 2, "passed": 2, "failed": 0, "skipped": 0, "coverage": {"format": "lcov"}}


@pytest.fixture
def blobs(seaweed: Seaweed) -> S3Blobs:
    return seaweed.blobs()


@pytest.fixture
def server(tmp_path: Path, blobs: S3Blobs) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path, settings={"blobs": blobs})
    yield running
    running.close()


@pytest.fixture
def job(server: RunningServer) -> JobExecution:
    server.enqueue()
    return server.running()


def upload_zip(server: RunningServer, job_id: str, body: bytes) -> int:
    path = f"/api/v1/jobs/{job_id}/artifacts/upload-zip"
    return server.http.simulate_post(path, body=body, headers={"X-CIWI-Agent-ID": "a"}).status_code


def keys(blobs: S3Blobs) -> list[str]:
    return [blob.key for area in ("artifacts/", "reports/", "icons/", "projects/") for blob in blobs.iter_below(area)]


def test_files_come_back_as_they_went(server: RunningServer, job: JobExecution, tmp_path: Path) -> None:
    body = io.BytesIO(zipped({"bin/tool": b"#!tool", "a b#?%.txt": b"0123456789", "empty": b""}, mode=0o755))
    with zipfile.ZipFile(body, "a") as archive:
        archive.writestr(link_entry("tool"), "bin/tool")
    assert upload_zip(server, job.id, body.getvalue()) == 200
    url = f"/artifacts/{job.id}/a%20b%23%3F%25.txt"
    assert server.get(url).content == b"0123456789"
    part = server.get(url, headers={"Range": "bytes=4-6"})
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"456", "bytes 4-6/10")
    assert server.get(url, headers={"If-None-Match": part.headers["ETag"]}).status_code == 304
    assert server.get(f"/artifacts/{job.id}/empty").content == b""
    assert server.get(f"/artifacts/{job.id}/tool").content == b"#!tool"
    packed = server.get(f"/api/v1/jobs/{job.id}/artifacts/download-all", query_string="links=true").content
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.getinfo("bin/tool").external_attr >> 16 & 0o777 == 0o755
        assert archive.read("tool") == b"bin/tool"
    assert not (tmp_path / "artifacts").exists()


def test_reports_are_kept_replaced_and_removed_with_their_job(
    server: RunningServer, job: JobExecution, blobs: S3Blobs
) -> None:
    for total in (1, 2):
        body = {"agent_id": "a", "report": {**REPORT, "total": total}}
        assert server.post(f"/api/v1/jobs/{job.id}/tests", body).status_code == 200
    assert server.get(f"/api/v1/jobs/{job.id}/tests").json["report"]["total"] == 2
    listed = server.get(f"/api/v1/jobs/{job.id}/artifacts").json["artifacts"]
    assert [a["path"] for a in listed] == ["coverage-report.json", "test-report.json"]
    upload_zip(server, job.id, zipped({"f": b"x"}))
    upload_zip(server, job.id, zipped({"g": b"x"}))
    found = keys(blobs)
    assert len(found) == 3, "what was replaced is gone"
    assert all(key.startswith("projects/1/") for key in found)
    server.report(job.id, "succeeded")
    server.services.jobs.removal.flush_history()
    assert keys(blobs) == []


def test_the_sweep_knows_the_prefixes_of_projects(server: RunningServer, job: JobExecution, blobs: S3Blobs) -> None:
    upload_zip(server, job.id, zipped({"f": b"x"}))
    server.services.projects.projects.icons.put(1, b"BM")
    blobs.put(f"projects/1/logs/{job.id}.log", io.BytesIO(b"x"))
    named = set(keys(blobs))
    for key in (
        f"projects/2/artifacts/{job.id}/1/f",
        f"projects/1/artifacts/{job.id}/1/f",
        "projects/2/icons/project-1",
        "projects/1/logs/job-7.log",
        f"projects/1/logs/{job.id}.1.log",
    ):
        blobs.put(key, io.BytesIO(b"x"))
    server.clock.now = datetime.now(UTC) + timedelta(hours=25)
    server.services.retention.sweep.run_if_due(threading.Event())
    assert set(keys(blobs)) == named


def test_a_path_too_long_for_the_bucket_is_a_bad_path(server: RunningServer, job: JobExecution) -> None:
    path = "/".join(["x" * 240] * 4)
    upload = {"agent_id": "a", "artifacts": [{"path": path, "data_base64": base64.b64encode(b"x").decode()}]}
    answer = server.post(f"/api/v1/jobs/{job.id}/artifacts", upload, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["hint"].endswith("the limit is 1024")) == (400, True)


def test_while_the_bucket_is_away_the_rest_goes_on(tmp_path: Path, own_seaweed: Seaweed) -> None:
    server = RunningServer(tmp_path, settings={"blobs": own_seaweed.blobs(patience=timedelta(milliseconds=200))})
    server.enqueue()
    job = server.running()
    report = {"agent_id": "a", "report": REPORT}
    assert server.post(f"/api/v1/jobs/{job.id}/tests", report).status_code == 200
    own_seaweed.stop()
    refused = server.post(f"/api/v1/jobs/{job.id}/tests", report, headers={"Accept": "application/json"})
    assert (refused.status_code, refused.json["code"], refused.headers["Retry-After"]) == (503, "unavailable", "2")
    assert server.get(f"/artifacts/{job.id}/test-report.json").status_code == 503
    server.services.core.file_watch.look()
    readiness = server.get("/readyz")
    assert (readiness.status_code, readiness.json["ready"]) == (200, True)
    assert [check["name"] for check in readiness.json["checks"] if not check["ok"]] == ["files"]
    assert 'cictl_ready{check="files"} 0.0' in server.get("/metrics").text
    assert server.report(job.id, "succeeded").status_code == 200
    server.services.jobs.removal.flush_history()
    assert server.get(f"/api/v1/jobs/{job.id}").status_code == 404
    server.close()


FAILURES = [
    pytest.param("s3://absent/x", {}, 5, "NoSuchBucket", id="no-bucket"),
    pytest.param("s3://cictl/x", {"AWS_SECRET_ACCESS_KEY": "wrong"}, 6, "SignatureDoesNotMatch", id="wrong-secret"),
    pytest.param(
        "s3://cictl/x",
        {"AWS_ACCESS_KEY_ID": READERS_KEY, "AWS_SECRET_ACCESS_KEY": READERS_SECRET},
        6,
        "AccessDenied",
        id="read-only",
    ),
    pytest.param("s3://cictl/x", {"AWS_ALLOW_HTTP": ""}, 6, "set AWS_ALLOW_HTTP=true", id="no-tls"),
    pytest.param("s3:///x", {}, 1, "names no bucket", id="bad-url"),
]


@pytest.mark.parametrize(("url", "variables", "code", "text"), FAILURES)
def test_a_start_that_fails_says_why(
    tmp_path: Path, seaweed: Seaweed, url: str, variables: dict[str, str], code: int, text: str
) -> None:
    environment = {**seaweed.environment(), **variables}
    arguments = ("serve", "--port", "0", "--data-dir", str(tmp_path / "data"), "--files", url)
    process = Process(*arguments, environment=environment, directory=tmp_path)
    try:
        assert process.wait() == code
    finally:
        process.stop()
    assert text in process.output
    assert "try: " in process.output
    assert READERS_SECRET not in process.output


def test_a_large_upload_takes_little_memory_and_comes_back(tmp_path: Path, seaweed: Seaweed) -> None:
    place = Workplace(tmp_path, environment={**seaweed.environment(), "CICTL_FILES": seaweed.place()})
    try:
        info = requests.get(f"{place.url}/api/v1/server-info", timeout=30).json()
        assert info["files"].startswith("s3://cictl/")
        job_id = take_a_job(place.url)
        content = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(1 << 15)) * 150
        send(place.url, job_id, {"small": b"x"})
        before = peak_memory(place.server)
        send(place.url, job_id, {"large": content})
        with requests.get(f"{place.url}/artifacts/{job_id}/large", stream=True, timeout=60) as answer:
            found = hashlib.sha256()
            for block in answer.iter_content(1 << 20):
                found.update(block)
        assert found.hexdigest() == hashlib.sha256(content).hexdigest()
        assert peak_memory(place.server) - before < len(content) // 2
        assert not [path for path in place.data.rglob("*") if path.is_file() and path.stat().st_size > 1 << 20]
    finally:
        place.close()


def take_a_job(url: str) -> str:
    """Let an agent that is only ours take a script, and return the job's id."""
    facts = {"executor": "script", "shells": "posix", "os": "linux", "arch": "amd64"}
    beat = {"agent_id": "a", "hostname": "h", "version": "1", "timestamp_utc": "2026-01-01T00:00:00Z"}
    post(url, "heartbeat", {**beat, "os": "linux", "arch": "amd64", "capabilities": facts})
    script = {"action": "run-script", "script": "true", "shell": "posix"}
    job_id = post(url, "agents/a/actions", script)["job_execution_id"]
    post(url, "agent/lease", {"agent_id": "a", "capabilities": facts})
    post(url, f"jobs/{job_id}/status", {"agent_id": "a", "status": "running"})
    return str(job_id)


def post(url: str, path: str, body: dict[str, Any]) -> Any:
    answer = requests.post(f"{url}/api/v1/{path}", json=body, timeout=60)
    assert answer.ok, answer.text
    return answer.json()


def send(url: str, job_id: str, files: dict[str, bytes]) -> None:
    headers = {"X-CIWI-Agent-ID": "a"}
    path = f"{url}/api/v1/jobs/{job_id}/artifacts/upload-zip"
    answer = requests.post(path, data=zipped(files), headers=headers, timeout=120)
    assert answer.ok, answer.text


def peak_memory(process: Process) -> int:
    """Return the most bytes that a process has had in memory."""
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10  # type: ignore[index]
