"""An agent of the reference at work, as recorded from the wire, byte by byte, against a server behind a real socket."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cictl_testing.files import make_repository

from cictl_server.serve import ServerConfig
from cictl_server.threaded import serving

PROJECT = """\
version: 1
project: {name: shop}
pipelines:
  - id: build
    vcs_source: {repo: "%s"}
    jobs:
      - id: test
        runs_on: {os: linux, executor: script, shell: posix}
        requires: {tools: {go: ">=1.20"}}
        timeout_seconds: 60
        artifacts: ["dist/**"]
        caches: [{id: gomod, env: GOMODCACHE}]
        steps:
          - {run: go build ./...}
          - {test: {name: unit, command: go test -json ./..., report: unit.json}}
  - id: deploy
    depends_on: [build]
    jobs: [{id: push, artifacts: [], steps: [{run: ls dist}]}]
pipeline_chains: [{id: all, pipelines: [build, deploy]}]
"""

MAPS = {"capabilities", "env", "metadata", "required_capabilities", "runtime_capabilities", "tool_metrics"}
NUMBERS = {"duration_seconds", "percent"}
NULLABLE = {"artifacts", "capabilities", "history_groups", "queued_groups", "required_capabilities"}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


class Fraction(float):
    """A number that was written with a decimal point or an exponent."""


def decoded(body: bytes) -> Any:
    """Decode an answer as the reference's agent does, which drops the whole document for one value of another kind."""
    value = json.loads(body, parse_float=Fraction)
    _check("", value)
    return value


def _check(key: str, value: Any) -> None:
    assert value is not None or key in NULLABLE, key
    assert not isinstance(value, Fraction) or key in NUMBERS, key
    assert not key.endswith("_utc") or INSTANT.fullmatch(value), (key, value)
    if isinstance(value, dict):
        for name, item in value.items():
            assert key not in MAPS or isinstance(item, str), (key, name)
            _check(name, item)
    elif isinstance(value, list):
        for item in value:
            _check("", item)


@pytest.mark.parametrize("body", ['{"exit_code":0.0}', '{"a_utc":""}', '{"env":{"a":1}}', '{"timeout_seconds":6e1}'])
def test_the_checks_would_find_a_mistake(body: str) -> None:
    with pytest.raises(AssertionError):
        decoded(body.encode())


@dataclass
class Wire:
    """One connection that is kept alive, with the headers of Go's client."""

    connection: HTTPConnection
    headers: Mapping[str, str] = field(
        default_factory=lambda: {"User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip"}
    )

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        self.connection.request(method, path, body, {**self.headers, **headers})
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def post(self, path: str, body: str) -> Any:
        """POST a recorded body; anything but 200 is a failure to this agent."""
        status, content = self.send("POST", f"/api/v1/{path}", body.encode(), **{"Content-Type": "application/json"})
        assert status == 200, content
        return decoded(content)

    def get(self, path: str) -> Any:
        status, content = self.send("GET", f"/api/v1/{path}")
        assert status == 200, content
        return decoded(content)

    def create(self, path: str, body: str) -> Any:
        """POST what an admin's page sends."""
        status, content = self.send("POST", f"/api/v1/{path}", body.encode())
        assert status == 201, content
        return decoded(content)


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    with (
        serving(ServerConfig(data_dir=tmp_path / "data", port=0, version="v0.1.209")) as server,
        closing(HTTPConnection(urlsplit(server.url).netloc, timeout=30)) as connection,
    ):
        yield Wire(connection)


@pytest.fixture
def enqueue(wire: Wire, tmp_path: Path) -> Callable[[], list[str]]:
    """Import the project, and return what runs its chain and tells the ids of the two jobs."""
    repository = tmp_path / "repository"
    make_repository(repository, {"cictl.yaml": PROJECT % repository})
    wire.create("projects/import", json.dumps({"repo_url": str(repository)}))
    return lambda: wire.create("pipeline-chains/1/run", "{}")["job_execution_ids"]


GREETING = """{"agent_id":"agent-build7","hostname":"build7","os":"linux","arch":"amd64","version":"v0.1.209",\
"capabilities":{"arch":"amd64","executor":"script","os":"linux","run_mode":"service","shells":"posix",\
"tool.git":"2.43.0","tool.go":"1.22.1"},"restart_status":"ciwi agent has (re)started (pid=4711)",\
"timestamp_utc":"2026-11-23T07:04:10.984664051Z"}"""

BUSY = """{"agent_id":"agent-build7","hostname":"build7","os":"linux","arch":"amd64","version":"v0.1.209",\
"capabilities":null,"timestamp_utc":"2026-11-23T08:04:20.9+01:00"}"""

LEASE = """{"agent_id":"agent-build7","capabilities":{"arch":"amd64","executor":"script","os":"linux",\
"run_mode":"service","shells":"posix","tool.git":"2.43.0","tool.go":"1.22.1"}}"""

PREPARING = """{"agent_id":"agent-build7","status":"running","exit_code":null,"error":"","output":"",\
"current_step":"Preparing execution","cache_stats":null,"runtime_capabilities":null,"events":null,\
"timestamp_utc":"2026-11-23T07:04:13.100000001Z"}"""

CHECKOUT = """{"agent_id":"agent-build7","status":"running","output":"[checkout] repo=/r\\n",\
"current_step":"Checking out source","timestamp_utc":"2026-11-23T07:04:13.5Z"}"""

READY = """{"Agent_ID":"agent-build7","Status":"running","Output":"[checkout] repo=/r\\n[git] HEAD is now at 1\\n",\
"Current_Step":"Preparing execution","Runtime_Capabilities":{"host.os":"linux","host.tool.go":"1.22.1"}}"""

STEP = """{"agent_id":"agent-build7","status":"running",\
"output":"[checkout] repo=/r\\n[git] HEAD is now at 1\\n+ go test \\u003cunit\\u003e\\n",\
"current_step":"Step 2/2: unit","events":[{"type":"step.started","timestamp_utc":"2026-11-23T07:04:15.000000009Z",\
"step":{"index":2,"total":2,"name":"unit","kind":"test","test_name":"unit","test_format":"go-test-json",\
"test_report":"unit.json"}}],"timestamp_utc":"2026-11-23T07:04:15.000000009Z"}"""

TESTS = """{"agent_id":"agent-build7","report":{"total":2,"passed":1,"failed":0,"skipped":1,"suites":[{"name":"unit",\
"format":"go-test-json","total":2,"passed":1,"failed":0,"skipped":1,"cases":[{"package":"shop","name":"TestA",\
"status":"pass","duration_seconds":0.01,"output":"ok\\n"},{"package":"shop","name":"TestB","status":"skip",\
"file":"b_test.go","line":7}]}],"coverage":{"format":"go-coverprofile","total_statements":3,"covered_statements":2,\
"percent":66.66666666666667,"files":[{"path":"shop/a.go","total_statements":3,"covered_statements":2,"percent":66.67}]}}}"""

DONE = """{"agent_id":"agent-build7","status":"succeeded","exit_code":0,\
"output":"[checkout] repo=/r\\n[git] HEAD is now at 1\\n+ go test \\u003cunit\\u003e\\n[tests] total=2\\n",\
"cache_stats":[{"id":"gomod","env":"GOMODCACHE","type":"generic","path":"/w/cache/gomod","source":"miss",\
"files":3,"directories":1,"size_bytes":1024,"tool_metrics":null}],"runtime_capabilities":{"host.os":"linux"},\
"timestamp_utc":"2026-11-23T07:04:19Z"}trailing"""

FAILED = """{"agent_id":"agent-build7","status":"failed","exit_code":-1,"error":"Step 1/1: ls: signal: interrupt",\
"output":"+ ls dist\\n[control] job marked failed on server: cancelled by user\\n"}"""


def zipped_as_go_does() -> bytes:
    """Entries without mode bits, and one for the directory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (("dist/", b""), ("dist/app", b"\x7fELF"), ("dist/read me.txt", b"hello\n")):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 0, 0
            archive.writestr(info, data)
    return buffer.getvalue()


def test_a_whole_job_and_its_successor(wire: Wire, enqueue: Callable[[], list[str]]) -> None:
    first, second = enqueue()
    assert wire.post("heartbeat", GREETING) == {"accepted": True}

    job = wire.post("agent/lease", LEASE)["job_execution"]
    assert (job["id"], job["timeout_seconds"], job["artifact_globs"]) == (first, 60, ["dist/**"])
    assert job["required_capabilities"] == {
        "os": "linux",
        "executor": "script",
        "shell": "posix",
        "requires.tool.go": ">=1.20",
    }
    assert job["caches"] == [{"id": "gomod", "env": "GOMODCACHE"}]
    assert [step["index"] for step in job["step_plan"]] == [1, 2]
    assert "output" not in job
    assert wire.get(f"jobs/{first}")["job_execution"]["status"] == "leased"

    for report in (PREPARING, CHECKOUT, READY, STEP, STEP):
        assert wire.post(f"jobs/{first}/status", report)["job_execution"]["status"] == "running"
    assert wire.post("heartbeat", BUSY) == {"accepted": True}
    running = wire.get(f"jobs/{first}")["job_execution"]
    assert running["output"] == "[checkout] repo=/r\n[git] HEAD is now at 1\n+ go test <unit>\n"
    assert (running["current_step"], running["runtime_capabilities"]["host.os"]) == ("Step 2/2: unit", "linux")

    named = {"Content-Type": "application/zip", "X-CIWI-Agent-ID": "agent-build7"}
    status, content = wire.send("POST", f"/api/v1/jobs/{first}/artifacts/upload-zip", zipped_as_go_does(), **named)
    assert (status, [a["path"] for a in decoded(content)["artifacts"]]) == (200, ["dist/app", "dist/read me.txt"])
    assert wire.post(f"jobs/{first}/tests", TESTS)["report"]["suites"][0]["cases"][1]["line"] == 7

    ended = wire.post(f"jobs/{first}/status", DONE)["job_execution"]
    assert (ended["status"], ended["exit_code"], ended["cache_stats"][0]["files"]) == ("succeeded", 0, 3)
    assert "current_step" not in ended
    assert "test_summary" not in ended
    shown = wire.get(f"jobs/{first}")["job_execution"]
    assert shown["test_summary"] == {"total": 2, "passed": 1, "failed": 0, "skipped": 1}
    assert wire.post(f"jobs/{first}/status", DONE)["job_execution"]["finished_utc"] == ended["finished_utc"]

    listed = wire.get(f"jobs/{first}/artifacts")["artifacts"]
    names = ["coverage-report.json", "dist/app", "dist/read me.txt", "test-report.json"]
    assert [artifact["path"] for artifact in listed] == names
    assert wire.send("GET", listed[2]["url"]) == (200, b"hello\n")

    following = wire.post("agent/lease", LEASE)["job_execution"]
    assert following["id"] == second
    assert following["required_capabilities"] is None
    assert following["env"]["CIWI_DEP_ARTIFACT_JOB_IDS"] == first
    status, archive = wire.send("GET", f"/api/v1/jobs/{first}/artifacts/download-all")
    assert (status, zipfile.ZipFile(io.BytesIO(archive)).namelist()) == (200, names)


def test_a_cancelled_job(wire: Wire, enqueue: Callable[[], list[str]]) -> None:
    """The agent learns it from its next look, stops, and still sends everything that it has."""
    first, second = enqueue()
    wire.post("heartbeat", GREETING)
    wire.post("agent/lease", LEASE)
    wire.post(f"jobs/{first}/status", CHECKOUT)
    wire.post(f"jobs/{first}/cancel", "{}")
    seen = wire.get(f"jobs/{first}")["job_execution"]
    assert (seen["status"], seen["error"]) == ("failed", "cancelled by user")
    assert wire.post(f"jobs/{first}/status", STEP)["job_execution"]["status"] == "failed"
    upload = '{"agent_id":"agent-build7","artifacts":[{"path":"dist/app","data_base64":"f0VMRg=="}]}'
    assert len(wire.post(f"jobs/{first}/artifacts", upload)["artifacts"]) == 1
    wire.post(f"jobs/{first}/tests", TESTS)
    wire.post(f"jobs/{first}/status", FAILED)
    seen = wire.get(f"jobs/{first}")["job_execution"]
    assert seen["output"] == "[checkout] repo=/r\n[control] job cancelled by user"
    assert "exit_code" not in seen
    waiting = wire.get(f"jobs/{second}")["job_execution"]
    assert (waiting["status"], waiting["error"]) == ("failed", "cancelled: upstream pipeline build failed")
    assert wire.post("agent/lease", LEASE) == {"assigned": False, "message": "no matching queued job"}


def test_lists_for_the_front_end_decode_too(wire: Wire, enqueue: Callable[[], list[str]]) -> None:
    for path in ("jobs?view=summary", "agents", "runtime-state", "server-info"):
        wire.get(path)
    first, _ = enqueue()
    wire.post("heartbeat", GREETING)
    wire.post("agent/lease", LEASE)
    wire.post(f"jobs/{first}/tests", TESTS)
    wire.post(f"jobs/{first}/status", DONE)
    paths = ("jobs", "jobs?view=summary&max=150", "jobs?view=queued&limit=5", "jobs?view=history&limit=5", "agents")
    for path in (*paths, "runtime-state", "agents/agent-build7", f"jobs/{first}/tests", f"jobs/{first}/blocked-by"):
        assert wire.get(path)


def test_errors_are_text(wire: Wire) -> None:
    """This agent sends no Accept header, and logs up to 4 KiB of what it gets."""
    assert wire.send("POST", "/api/v1/jobs/job-1/status", PREPARING.encode()) == (400, b"job not found\n")
    assert wire.send("POST", "/api/v1/heartbeat", b"") == (400, b"invalid JSON body\n")
    assert wire.send("GET", "/api/v1/nothing") == (404, b"404 page not found\n")
