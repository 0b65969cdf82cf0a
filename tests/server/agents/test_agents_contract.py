"""The wire contract of agents and jobs: every route with its refusals, and where each weakness of the reference is undone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import falcon.testing
import pytest
from cictl_testing.server import RunningServer

from cictl_server.apidoc.operations import operations
from cictl_server.app import ROUTES


@dataclass(frozen=True)
class Stage:
    """A server with one job in each state: `over` and `held` are agent a's, nobody has `free`."""

    server: RunningServer
    over: str
    held: str
    free: str

    def send(self, method: str, path: str, body: bytes = b"", **options: Any) -> falcon.testing.Result:
        filled = path.format(over=self.over, held=self.held, free=self.free)
        return self.server.http.simulate_request(method, filled, body=body, **options)


@pytest.fixture
def stage(server: RunningServer) -> Stage:
    server.find_releases(CICTL_UPDATE_REPO="shop/cictl")
    server.heartbeat("a", capabilities={"executor": "script", "shells": "posix", "updater": "cictl-wheel"})
    server.heartbeat("b #?%")
    over, held, free = (server.enqueue() for _ in range(3))
    server.finish("succeeded")
    server.running()
    return Stage(server=server, over=over, held=held, free=free)


JOB = {"job_execution"}
LIST = {"view", "total", "offset", "limit", "job_executions"}
ANSWERS: tuple[tuple[str, str, bytes, int, set[str]], ...] = (
    ("GET", "/healthz", b"", 200, {"status"}),
    ("GET", "/api/v1/server-info", b"", 200, {"name", "api_version", "version"}),
    ("GET", "/api/v1/runtime-state", b"", 200, {"mode", "online_agents", "last_agent_seen_utc", "git_available"}),
    ("POST", "/api/v1/heartbeat", b'{"agent_id":"b"}', 200, {"accepted"}),
    ("POST", "/api/v1/agent/lease", b'{"agent_id":"b"}', 200, {"assigned", "job_execution"}),
    ("POST", "/api/v1/agent/lease", b'{"agent_id":"a"}', 200, {"assigned", "message"}),
    ("GET", "/api/v1/agents", b"", 200, {"agents"}),
    ("GET", "/api/v1/agents/a", b"", 200, {"agent"}),
    ("GET", "/api/v1/agents//a//", b"", 200, {"agent"}),
    ("GET", "/api/v1/agents/" + quote("b #?%"), b"", 200, {"agent"}),
    ("POST", "/api/v1/agents/a/actions", b'{"action":" Restart "}', 200, {"requested", "agent_id", "message"}),
    ("POST", "/api/v1/agents/a/actions/", b'{"action":"update"}', 200, {"requested", "agent_id", "target"}),
    (
        "POST",
        "/api/v1/agents/a/actions",
        b'{"action":"run-script","script":"ls","shell":"POSIX"}',
        201,
        {"queued", "agent_id", "job_execution_id", "shell", "timeout_seconds"},
    ),
    ("GET", "/api/v1/jobs", b"", 200, {"job_executions"}),
    ("GET", "/api/v1/jobs?view=QUEUED&limit=x&offset=-1", b"", 200, LIST),
    ("GET", "/api/v1/jobs?view=history&max=0", b"", 200, LIST),
    ("GET", "/api/v1/jobs?view=summary", b"", 200, {"view", "max", "total", "queued_groups", "history_groups"}),
    ("GET", "/api/v1/jobs/{held}", b"", 200, JOB),
    ("GET", "/api/v1/jobs//{held}/", b"", 200, JOB),
    ("DELETE", "/api/v1/jobs/{free}", b"", 200, {"deleted", "job_execution_id"}),
    ("POST", "/api/v1/jobs/{held}/cancel", b"", 200, JOB),
    ("POST", "/api/v1/jobs/{over}/rerun", b"{", 201, JOB),
    ("POST", "/api/v1/jobs/clear-queue", b"{}", 200, {"cleared"}),
    ("POST", "/api/v1/jobs/flush-history/", b"\xff", 200, {"flushed"}),
    ("GET", "/api/v1/jobs/{held}/blocked-by", b"", 200, {"blocked"}),
    ("POST", "/api/v1/jobs/{held}/status", b'{"agent_id":"a","status":" RUNNING "}', 200, JOB),
    ("POST", "/api/v1/jobs/{held}/artifacts", b'{"agent_id":"a","artifacts":null}', 200, {"artifacts"}),
    ("POST", "/api/v1/jobs/{held}/artifacts/upload-zip?agent_id=a", b"", 200, {"artifacts"}),
    ("GET", "/api/v1/jobs/{held}/artifacts", b"", 200, {"artifacts"}),
    ("GET", "/api/v1/jobs/job-7/artifacts", b"", 200, {"artifacts"}),
    ("POST", "/api/v1/jobs/{held}/tests", b'{"agent_id":"a","report":null}', 200, {"report"}),
    ("GET", "/api/v1/jobs/job-7/tests", b"", 200, {"report"}),
)


@pytest.mark.parametrize(("method", "path", "body", "status", "keys"), ANSWERS)
def test_answers(stage: Stage, method: str, path: str, body: bytes, status: int, keys: set[str]) -> None:
    answer = stage.send(method, path, body)
    assert answer.status_code == status, answer.text
    assert keys <= answer.json.keys()
    headers = ("Content-Type", "Cache-Control", "Pragma", "Expires")
    assert [answer.headers[h] for h in headers] == ["application/json", "no-store, max-age=0", "no-cache", "0"]
    assert answer.text.count("\n") == 1
    assert answer.text.endswith("}\n")


NO_PAGE, NO_JOB, NO_JSON = "404 page not found", "job not found", "invalid JSON body"
NO_ID, STRANGER = "agent_id is required", "job is leased by another agent"
STATUSES = "status must be running, succeeded or failed"
REFUSALS: tuple[tuple[str, str, bytes, int, str], ...] = (
    ("GET", "/healthz/", b"", 404, NO_PAGE),
    ("GET", "/api/v1/agent/lease/", b"", 404, NO_PAGE),
    ("GET", "/api/v1/agents/", b"", 404, NO_PAGE),
    ("GET", "/api/v1/jobs/", b"", 404, NO_PAGE),
    ("GET", "/api/v1/jobs//", b"", 404, NO_PAGE),
    ("GET", "/api/v1/jobs/{held}/nothing", b"", 404, NO_PAGE),
    ("POST", "/api/v1/jobs/{held}/artifacts/upload-zip/more", b"", 404, NO_PAGE),
    ("POST", "/api/v1/agents/a/dance", b"{}", 404, NO_PAGE),
    ("GET", "/api/v1/agents/a%2Fb", b"", 404, NO_PAGE),
    ("POST", "/api/v1/heartbeat", b"", 400, NO_JSON),
    ("POST", "/api/v1/heartbeat", b"null", 400, NO_ID),
    ("POST", "/api/v1/heartbeat", b'{"agent_id":"a","timestamp_utc":""}', 400, NO_JSON),
    ("POST", "/api/v1/heartbeat", b'{"agent_id":"a","capabilities":{"os":1}}', 400, NO_JSON),
    (
        "POST",
        "/api/v1/agents/a/actions",
        b'{"action":"run-script","timeout_seconds":9223372036854775808}',
        400,
        NO_JSON,
    ),
    ("POST", "/api/v1/jobs/{held}/status", b'{"agent_id":"a","exit_code":-9223372036854775809}', 400, NO_JSON),
    ("POST", "/api/v1/agent/lease", b"{}", 400, NO_ID),
    ("GET", "/api/v1/agents/x", b"", 404, "agent not found"),
    ("GET", "/api/v1/agents/%20", b"", 400, "agent id is required"),
    ("POST", "/api/v1/agents/%20/actions", b"{", 400, "agent id is required"),
    ("POST", "/api/v1/agents/x/actions", b"{", 400, NO_JSON),
    ("POST", "/api/v1/agents/x/actions", b'{"action":" "}', 400, "action is required"),
    ("POST", "/api/v1/agents/x/actions", b'{"action":"dance"}', 400, "unsupported action"),
    ("POST", "/api/v1/agents/x/actions", b'{"action":"activate"}', 404, "agent not found"),
    ("POST", "/api/v1/agents/x/actions", b'{"action":"run-script","script":" "}', 400, "script is required"),
    ("POST", "/api/v1/agents/x/actions", b'{"action":"run-script","script":"ls"}', 400, "shell is required"),
    ("GET", "/api/v1/jobs/job-7", b"", 404, NO_JOB),
    ("DELETE", "/api/v1/jobs/job-7", b"", 404, NO_JOB),
    ("DELETE", "/api/v1/jobs/{held}", b"", 409, "job is not pending"),
    ("GET", "/api/v1/jobs/clear-queue", b"", 404, NO_JOB),
    ("DELETE", "/api/v1/jobs/flush-history", b"", 404, NO_JOB),
    ("POST", "/api/v1/jobs/job-7/cancel", b"", 404, NO_JOB),
    ("POST", "/api/v1/jobs/{over}/cancel", b"", 409, "job is not active"),
    ("POST", "/api/v1/jobs/job-7/rerun", b"", 404, NO_JOB),
    ("POST", "/api/v1/jobs/{free}/rerun", b"", 409, "job has not started yet"),
    ("GET", "/api/v1/jobs/job-7/blocked-by", b"", 404, NO_JOB),
    ("POST", "/api/v1/jobs/job-7/status", b"{", 400, NO_JSON),
    ("POST", "/api/v1/jobs/job-7/status", b"{}", 400, NO_ID),
    ("POST", "/api/v1/jobs/job-7/status", b'{"agent_id":"a","status":"leased"}', 400, STATUSES),
    ("POST", "/api/v1/jobs/job-7/status", b'{"agent_id":"a","status":"failed"}', 400, NO_JOB),
    ("POST", "/api/v1/jobs/{held}/status", b'{"agent_id":"b","status":"failed"}', 409, STRANGER),
    ("POST", "/api/v1/jobs/{held}/artifacts", b"", 400, NO_JSON),
    ("POST", "/api/v1/jobs/job-7/artifacts", b"{}", 400, NO_ID),
    ("POST", "/api/v1/jobs/job-7/artifacts", b'{"agent_id":"a"}', 404, NO_JOB),
    ("POST", "/api/v1/jobs/{held}/artifacts", b'{"agent_id":"b"}', 409, STRANGER),
    ("POST", "/api/v1/jobs/job-7/artifacts/upload-zip", b"", 400, NO_ID),
    ("POST", "/api/v1/jobs/job-7/artifacts/upload-zip?agent_id=a", b"", 404, NO_JOB),
    ("POST", "/api/v1/jobs/{held}/artifacts/upload-zip?agent_id=b", b"", 409, STRANGER),
    ("GET", "/api/v1/jobs/{held}/artifacts/download", b"", 400, "invalid prefix"),
    ("GET", "/api/v1/jobs/{held}/artifacts/download?prefix=../x", b"", 400, "invalid prefix"),
    ("GET", "/api/v1/jobs/{held}/artifacts/download?prefix=x", b"", 404, "artifact directory not found"),
    ("GET", "/artifacts/{held}/x", b"", 404, NO_PAGE),
    ("GET", "/artifacts/{held}/", b"", 404, NO_PAGE),
    ("GET", "/artifacts/job-7/x", b"", 404, NO_PAGE),
    ("GET", "/artifacts/", b"", 404, NO_PAGE),
    ("POST", "/api/v1/jobs/{held}/tests", b"", 400, NO_JSON),
    ("POST", "/api/v1/jobs/{held}/tests", b'{"agent_id":" "}', 400, NO_ID),
    ("POST", "/api/v1/jobs/job-7/tests", b'{"agent_id":"a"}', 404, NO_JOB),
    ("POST", "/api/v1/jobs/{held}/tests", b'{"agent_id":"b"}', 409, STRANGER),
)


@pytest.mark.parametrize(("method", "path", "body", "status", "text"), REFUSALS)
def test_refusals(stage: Stage, method: str, path: str, body: bytes, status: int, text: str) -> None:
    answer = stage.send(method, path, body, headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.text) == (status, text + "\n")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


METHODS: dict[str, set[str]] = {}
for _operation in operations(ROUTES):
    if _operation.path.endswith("/{connection_id}/test"):
        continue  # by the contract of the vault its other methods are not found
    METHODS.setdefault(_operation.path, set()).add(_operation.method.upper())
NUMBERS = dict.fromkeys(("project_id", "pipeline_id", "chain_id", "connection_id", "secret_id", "token_id"), "1")
IDS = {"agent_id": "a", "path": "x", "run": "1", "number": "1", "project": "shop", "pipeline": "p", **NUMBERS}


@pytest.mark.parametrize("path", METHODS)
def test_other_methods_are_refused(stage: Stage, path: str) -> None:
    stage.server.define_project(
        "pipelines: [{id: p, jobs: [{id: j, steps: [{run: ls}]}]}]\npipeline_chains: [{id: c, pipelines: [p]}]"
    )
    known = METHODS[path]
    looked_up = {"GET", "DELETE"} if path.endswith(("/clear-queue", "/flush-history")) else set()
    filled = path.format(job_id=stage.held, **IDS)
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - known - looked_up:
        answer = stage.send(method, filled)
        assert (answer.status_code, answer.text) == (405, "" if method == "HEAD" else "method not allowed\n"), method
        if method != "OPTIONS":
            assert set(answer.headers["Allow"].split(", ")) == known


@pytest.mark.weakness("A8.3c")
@pytest.mark.parametrize(
    "job_id", ["..", ".", "job-", "job-1x", "job-\uff11", "job--1", " ", "job-" + "9" * 40, "a%00b", "007", "job-0"]
)
def test_odd_ids_lead_nowhere(stage: Stage, job_id: str) -> None:
    path = f"/api/v1/jobs/{quote(job_id, safe='%.')}"
    assert stage.send("GET", path).status_code == 404
    assert stage.send("GET", f"{path}/artifacts").json == {"artifacts": []}
    assert stage.send("GET", f"{path}/tests").json["report"]["total"] == 0
    for name in ("test-report.json", "coverage-report.json", "../state.json"):
        assert stage.send("GET", f"/artifacts/{quote(job_id, safe='%.')}/{name}").status_code == 404


def test_an_id_with_leading_zeros_is_another_one(stage: Stage) -> None:
    padded = stage.held.replace("job-", "job-0")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/log"), ("GET", "/blocked-by")):
        assert stage.send(method, f"/api/v1/jobs/{padded}{path}").status_code == 404, path
    assert stage.server.job(stage.held).status == "running"


def test_names_of_downloads_are_plain(stage: Stage) -> None:
    body = b'{"agent_id":"a","artifacts":[{"path":"d  \\u00e4/x","data_base64":"MQ=="}]}'
    assert stage.send("POST", "/api/v1/jobs/{held}/artifacts", body).status_code == 200
    answer = stage.send("GET", "/api/v1/jobs/{held}/artifacts/download?prefix=" + quote("d  ä"))
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{stage.held}-d-artifacts.zip"'
    every = stage.send("GET", "/api/v1/jobs/{held}/artifacts/download-all")
    assert every.headers["Content-Disposition"] == f'attachment; filename="{stage.held}-artifacts.zip"'


@pytest.mark.weakness("A1.6")
def test_a_body_past_the_limit_is_refused(stage: Stage) -> None:
    body = b'{"agent_id":"a","status":"running","output":"' + b"x" * (64 << 20) + b'"}'
    answer = stage.send("POST", "/api/v1/jobs/{held}/status", body)
    assert answer.status_code == 413
    assert stage.server.job(stage.held).output == ""


@pytest.mark.weakness("A1.8")
def test_jobs_of_one_instant_have_ids_of_their_own(stage: Stage) -> None:
    body = b'{"action":"run-script","script":"ls","shell":"posix"}'
    answers = [stage.send("POST", "/api/v1/agents/a/actions", body).json for _ in range(3)]
    assert len({answer["job_execution_id"] for answer in answers}) == 3


@pytest.mark.weakness("A7.1")
def test_requirements_of_a_container_are_met_by_every_agent(server: RunningServer) -> None:
    server.heartbeat()
    needs = "runs_on: {container_image: gcc}, requires: {container: {tools: {cmake: '>=3'}}}"
    server.run(server.define(f'[{{id: c, {needs}, steps: [{{run: "true"}}]}}]'))
    [job] = server.get("/api/v1/jobs").json["job_executions"]
    assert job["required_capabilities"] == {"requires.container.tool.cmake": ">=3"}
    assert "unmet_requirements" not in job


@pytest.mark.weakness("A7.3d")
def test_a_report_that_brings_nothing_new_writes_nothing(stage: Stage) -> None:
    body = b'{"agent_id":"a","status":"running","output":"one\\n","current_step":"Step 1/2: a"}'
    stage.send("POST", "/api/v1/jobs/{held}/status", body)
    before = stage.server.store.figures().commits
    stage.send("POST", "/api/v1/jobs/{held}/status", body)
    stage.send("POST", "/api/v1/jobs/{held}/status", body.replace(b"one", b"one\\ntwo"))
    assert stage.server.store.figures().commits == before
    assert stage.server.job(stage.held).output == "one\ntwo\n"


@pytest.mark.weakness("A10.1a")
def test_an_agent_that_comes_back_in_time_goes_on(stage: Stage) -> None:
    stage.server.clock.step(59)
    assert stage.server.heartbeat(running_job_ids=[stage.held]).cancel_job_ids == []
    stage.server.clock.step(59)
    stage.server.services.jobs.expiry.run_once()
    assert stage.server.job(stage.held).status == "running"


def test_parts_of_a_report_may_be_missing(stage: Stage) -> None:
    """The reference's decoder takes what is absent for empty, so a report is never lost for want of a key."""
    body = b'{"agent_id":"a","status":"succeeded","events":[{"step":{}}],"cache_stats":[{"source":"hit"}]}'
    job = stage.send("POST", "/api/v1/jobs/{held}/status", body).json["job_execution"]
    assert (job["status"], job["cache_stats"]) == ("succeeded", [{"id": "", "source": "hit"}])
