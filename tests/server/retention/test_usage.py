"""What logs, artifacts and reports take, as the metrics tell it."""

from __future__ import annotations

import re
import shutil
import threading
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer

from cictl_server.services.retention import usage

FILE = {"path": "f", "data_base64": "MDEyMzQ1Njc4OQ=="}
"""Ten bytes."""
REPORT = {"total": 1, "passed": 1, "failed": 0, "skipped": 0}
GAUGE = re.compile(r'^(cictl_kept_bytes|cictl_disk_bytes)\{\w+="(\w+)"\} (\S+)$', re.MULTILINE)


def finish(server: RunningServer) -> Path:
    """Run an execution with a log of five bytes, a file and a report; return where the report lies."""
    server.enqueue()
    job = server.running()
    path = f"/api/v1/jobs/{job.id}"
    assert server.post(f"{path}/artifacts", {"agent_id": "a", "artifacts": [FILE]}).status_code == 200
    assert server.post(f"{path}/tests", {"agent_id": "a", "report": REPORT}).status_code == 200
    server.report(job.id, "succeeded", output_append="12345", output_offset=0)
    return next((server.directory / "reports" / job.id).rglob("test-report.json"))


def gauge(server: RunningServer, name: str) -> dict[str, int]:
    """Return the samples of a gauge by their label."""
    text = server.get("/metrics").text
    return {label: int(float(value)) for found, label, value in GAUGE.findall(text) if found == name}


def test_what_executions_keep_is_counted_now_and_then(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "_CHUNK", 2)
    reports = sum(finish(server).stat().st_size for _ in range(3))
    assert gauge(server, "cictl_kept_bytes") == {}, "not at a scrape"
    server.services.retention.usage.measure(threading.Event())
    assert gauge(server, "cictl_kept_bytes") == {"logs": 15, "artifacts": 30, "reports": reports}


def test_a_count_that_is_stopped_tells_nothing(server: RunningServer) -> None:
    finish(server)
    stopping = threading.Event()
    stopping.set()
    server.services.retention.usage.measure(stopping)
    assert gauge(server, "cictl_kept_bytes") == {}


def test_the_disk_is_told_at_each_scrape(server: RunningServer) -> None:
    server.min_free = 12345
    server.restart()
    told = gauge(server, "cictl_disk_bytes")
    assert told["wanted"] == 12345
    assert 0 < told["free"] <= shutil.disk_usage(server.directory).total
