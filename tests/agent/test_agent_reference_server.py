"""Our agent at a server of the reference: literal answers in its form, requests read as strictly as it reads them."""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.processes import eventually

from cictl_agent.agent import Agent
from cictl_agent.config import AgentConfig

JOB_ID = "job-1763881450984664051"

LEASED = """{"assigned":true,"job_execution":{"id":"job-1763881450984664051","script":"make\\nunit","env":{"CIWI_DEP_ARTIFACT_JOB_ID":"job-1",\
"CIWI_DEP_ARTIFACT_JOB_IDS":"job-1"},"required_capabilities":{"executor":"script","requires.tool.git":"\\u003e=1.0",\
"shell":"posix"},"timeout_seconds":60,"artifact_globs":["out/**"],"caches":[{"id":"gomod","env":"GOMODCACHE"}],\
"metadata":{"pipeline_id":"build","pipeline_job_id":"test","pipeline_job_index":"0","pipeline_run_id":"run-17",\
"project":"shop","project_id":"3"},"step_plan":[{"index":1,"total":2,"name":"make",\
"script":"mkdir out \\u0026\\u0026 cat dep.txt \\u003e out/made"},{"index":2,"total":2,"name":"unit","kind":"test",\
"script":"cat out/made \\u003e unit.json","test_name":"unit","test_report":"unit.json"}],"status":"leased",\
"created_utc":"2026-11-23T07:04:10.98466405Z","leased_utc":"2026-11-23T07:04:13Z","leased_by_agent_id":"a"}}"""

SHOWN = """{"job_execution":{"id":"job-1763881450984664051","script":"make","required_capabilities":null,"timeout_seconds":60,\
"status":"%s","created_utc":"2026-11-23T07:04:10.98466405Z","leased_utc":"2026-11-23T07:04:13Z",\
"started_utc":"2026-11-23T07:04:13.5Z","leased_by_agent_id":"a","output":"x"}}"""

ARTIFACTS = """{"artifacts":[{"id":3,"job_execution_id":"job-1","path":"dep.txt","url":"/artifacts/job-1/dep.txt",\
"size_bytes":9}]}"""

TESTED = '{"Action":"pass","Package":"shop","Test":"TestA","Elapsed":0.01}\n'

MAPS = {"capabilities", "runtime_capabilities", "tool_metrics"}
TEXTS = {"agent_id", "hostname", "os", "arch", "version", "restart_status", "status", "error", "output", "current_step"}
COUNTS = {"exit_code", "size_bytes", "directories", "index", "total", "passed", "failed", "skipped", "line"}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def check(key: str, value: Any) -> None:
    """Refuse what the reference's decoder refuses; keys that it doesn't know may hold anything."""
    assert key not in TEXTS or isinstance(value, str | None), (key, value)
    assert key not in COUNTS or value is None or type(value) is int, (key, value)
    assert not key.endswith("_utc") or value is None or INSTANT.fullmatch(value), (key, value)
    if isinstance(value, dict):
        for name, item in value.items():
            assert key not in MAPS or isinstance(item, str), (key, name)
            check(name, item)
    elif isinstance(value, list):
        for item in value:
            check("", item)


class ReferenceServer(ThreadingHTTPServer):
    """Hands out one job; `posts` are the decoded bodies by path, `surprises` what the reference doesn't know."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.posts: list[tuple[str, Any]] = []
        self.surprises: list[str] = []
        self.status = "queued"
        self.uploaded: dict[str, bytes] = {}
        self.agents_of_uploads: list[str | None] = []

    def of(self, path: str) -> list[Any]:
        return [body for found, body in self.posts if found == path]

    def lease(self) -> str:
        if self.status != "queued":
            return '{"assigned":false,"message":"no matching queued job"}'
        self.status = "leased"
        return LEASED

    def answer(self, method: str, path: str, body: bytes) -> str | bytes | None:
        match method, path.removeprefix("/api/v1/").split("/"):
            case "POST", ["jobs", _, "artifacts", "upload-zip"]:
                with zipfile.ZipFile(io.BytesIO(body)) as archive:
                    self.uploaded = {name: archive.read(name) for name in archive.namelist()}
                return (
                    '{"artifacts":[{"id":0,"job_execution_id":"j","path":"p","url":"/artifacts/j/p","size_bytes":1}]}'
                )
            case "POST", [*_]:
                return self.take(path, body)
            case "GET", ["server-info"]:
                return '{"name":"ciwi","api_version":1,"version":"v0.1.209","hostname":"h"}'
            case "GET", ["jobs", "job-1", "artifacts"]:
                return ARTIFACTS
            case "GET", ["jobs", "job-1", "artifacts", "download-all"]:
                buffer = io.BytesIO()
                with zipfile.ZipFile(buffer, "w") as archive:
                    archive.writestr("dep.txt", TESTED)
                return buffer.getvalue()
            case "GET", ["jobs", job_id] if job_id == JOB_ID:
                return SHOWN % self.status
        return None

    def take(self, path: str, body: bytes) -> str | None:
        value = json.loads(body)
        check("", value)
        self.posts.append((path, value))
        match path.removeprefix("/api/v1/").split("/"):
            case ["heartbeat"]:
                return '{"accepted":true}'
            case ["agent", "lease"]:
                return self.lease()
            case ["jobs", job_id, "status"] if job_id == JOB_ID:
                self.status = value["status"]
                return SHOWN % self.status
            case ["jobs", job_id, "tests"] if job_id == JOB_ID:
                return json.dumps({"report": value["report"]})
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ReferenceServer

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        if path.endswith("/upload-zip"):
            self.server.agents_of_uploads.append(self.headers.get("X-CIWI-Agent-ID"))
        try:
            answer = self.server.answer(self.command, path, body)
        except AssertionError as error:
            self.server.surprises.append(f"{path}: {error}")
            answer = None
        if answer is None:
            self.server.surprises.append(f"{self.command} {self.path}")
        data = answer if isinstance(answer, bytes) else f"{answer or '404 page not found'}\n".encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Type", "application/json" if answer else "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = handle_any  # noqa: N815 the names that the base class looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the name of the base class
        """Stay silent."""


@pytest.fixture
def reference(tmp_path: Path) -> Iterator[ReferenceServer]:
    """The server after our agent ran its job there."""
    stop = threading.Event()
    with ReferenceServer() as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        url = f"http://127.0.0.1:{server.server_port}"
        config = AgentConfig(agent_id="a", work_dir=tmp_path / "work", server_url=url, trace_shell=False)
        working = threading.Thread(target=Agent(config).run, args=(stop,))
        working.start()
        try:
            eventually(lambda: server.status in ("succeeded", "failed"), what="the end of the job")
        finally:
            stop.set()
            working.join()
            server.shutdown()
            serving.join()
        yield server


def test_a_whole_job_needs_nothing_that_the_reference_has_not(reference: ReferenceServer) -> None:
    assert reference.surprises == []
    reports = reference.of(f"/api/v1/jobs/{JOB_ID}/status")
    assert reports[-1]["status"] == "succeeded", reports[-1]
    assert (reports[-1]["exit_code"], reports[-1].get("error", "")) == (0, "")
    assert (reports[0]["status"], reports[0]["current_step"]) == ("running", "Preparing execution")
    assert "output" not in reports[0]
    assert [r["agent_id"] for r in reports] == ["a"] * len(reports)
    logs = [r["output"] for r in reports if r.get("output")]
    assert all(later.startswith(earlier) for earlier, later in pairwise(logs))
    assert not any("output_append" in r for r in reports)
    events = [event for r in reports for event in r.get("events", [])]
    assert [(e["type"], e["step"]["index"]) for e in events] == [("step.started", 1), ("step.started", 2)]
    assert reports[-1]["cache_stats"][0]["id"] == "gomod"
    assert (reference.uploaded, reference.agents_of_uploads) == ({"out/made": TESTED.encode()}, ["a"])
    [tests] = reference.of(f"/api/v1/jobs/{JOB_ID}/tests")
    assert (tests["agent_id"], tests["report"]["total"], tests["report"]["passed"]) == ("a", 1, 1)
    first = reference.of("/api/v1/heartbeat")[0]
    assert first["restart_status"].startswith("ciwi agent has (re)started (pid=")
    assert {"hostname", "os", "arch", "version", "capabilities"} <= first.keys()
    assert reference.of("/api/v1/agent/lease")[0]["capabilities"]["shells"].split(",")[0] == "posix"
