"""A small server with canned answers on a real port, for tests of the command line."""

from __future__ import annotations

import base64
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import falcon
import msgspec

from cictl.wire.agents import (
    Agent,
    AgentActionRequest,
    AgentActionResponse,
    AgentList,
    AgentResponse,
    QueuedScript,
)
from cictl.wire.artifacts import Artifact, ArtifactList
from cictl.wire.codec import Message, decode, encode
from cictl.wire.jobs import (
    CANCELLED_BY_USER,
    Cause,
    JobExecution,
    JobList,
    JobResponse,
    JobState,
    JobStateResponse,
    JobStatus,
)
from cictl.wire.problems import PROBLEM_JSON, Code, Problem
from cictl.wire.projects import (
    ChainSummary,
    ImportRequest,
    ImportResponse,
    JobDetail,
    MatrixInclude,
    PipelineDetail,
    PipelineSummary,
    ProjectDetail,
    ProjectList,
    ProjectResponse,
    ProjectSummary,
    RunRequest,
    RunResponse,
    StepDetail,
    VersioningDetail,
)
from cictl.wire.reports import TestReport, TestReportResponse
from cictl.wire.server import Health, RuntimeState, ServerInfo
from cictl.wire.updates import Restarting, UpdateAnswer, UpdateCheck, UpdateStatus, UpdateTags
from cictl.wire.vault import (
    VAULT_AUTH_OK,
    DeletedVaultConnection,
    VaultConnection,
    VaultConnectionList,
    VaultConnectionResponse,
    VaultTestResponse,
)
from cictl_testing.servers.threads import ThreadedServer

LONG_AGO = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
VAULT = VaultConnection(
    id=3,
    name="pantry",
    url="https://vault.example.com",
    auth_method="approle",
    approle_mount="approle",
    role_id="ci",
    secret_id_env="CICTL_VAULT_PANTRY",
    kv_default_version=2,
    used_by=["shop/build", "shop/deploy"],
)


def job(job_id: str, status: JobStatus = JobStatus.QUEUED, **fields: Any) -> JobExecution:
    """Return an execution of shop/build."""
    metadata = {
        "project": "shop",
        "pipeline_id": "build",
        "pipeline_run_id": "run-1",
        "pipeline_job_id": "compile",
        **fields.pop("metadata", {}),
    }
    return JobExecution(
        id=job_id,
        script="make",
        required_capabilities=None,
        timeout_seconds=60,
        status=status,
        created_utc=LONG_AGO,
        metadata=metadata,
        **fields,
    )


@dataclass
class FakeServer:
    """What the canned answers are made of; tests change it while requests come in.

    Attributes:
        on_state: Called at each request for a job's state, to let time pass.
        refusals: Answers by `METHOD path` that come instead of the usual ones.
        enqueue: The executions that a run creates.
        requests: `METHOD path?query` of each request.
        stopping: Ends the event streams, so that the server can stop.
    """

    agents: dict[str, Agent] = field(default_factory=dict)
    projects: list[ProjectSummary] = field(default_factory=list)
    jobs: dict[str, JobExecution] = field(default_factory=dict)
    logs: dict[str, bytes] = field(default_factory=dict)
    artifacts: dict[str, dict[str, bytes]] = field(default_factory=dict)
    reports: dict[str, TestReport] = field(default_factory=dict)
    info: ServerInfo = field(default_factory=lambda: ServerInfo(name="cictl", api_version=1, version="0.1.0"))
    state: RuntimeState = field(
        default_factory=lambda: RuntimeState(
            mode="normal",
            online_agents=1,
            stale_agents=0,
            offline_agents=0,
            has_any_agents=True,
            last_agent_seen_utc=LONG_AGO,
            git_available=True,
        )
    )
    enqueue: list[JobExecution] = field(default_factory=list)
    run_requests: list[tuple[str, RunRequest]] = field(default_factory=list)
    actions: list[tuple[str, AgentActionRequest]] = field(default_factory=list)
    refusals: dict[str, list[Problem]] = field(default_factory=dict)
    vaults: list[VaultConnection] = field(default_factory=lambda: [VAULT])
    vault_answer: VaultTestResponse = field(default_factory=lambda: VaultTestResponse(ok=True, message=VAULT_AUTH_OK))
    on_state: Callable[[str], None] = lambda _: None
    requests: list[str] = field(default_factory=list)
    authorization: str | None = None
    url: str = ""
    stopping: bool = False

    def finish(self, job_id: str, status: JobStatus = JobStatus.SUCCEEDED, **fields: Any) -> None:
        """Let a job end; its log stays as it is."""
        times = {"started_utc": LONG_AGO, "finished_utc": LONG_AGO + timedelta(seconds=65)}
        self.change(job_id, status=status, **{**times, **fields})

    def change(self, job_id: str, **fields: Any) -> None:
        self.jobs[job_id] = msgspec.structs.replace(self.jobs[job_id], **fields)

    def refuse(self, request: str, status: int, code: Code, title: str, *, times: int = 1_000) -> None:
        """Answer *request*, such as `POST /api/v1/projects/import`, with a problem, so many *times*."""
        self.refusals[request] = [Problem(title=title, status=status, code=code)] * times

    def posts(self) -> list[str]:
        return [request for request in self.requests if not request.startswith("GET")]


class _Refused(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


def _missing(noun: str) -> _Refused:
    return _Refused(Problem(title=f"{noun} not found", status=404, code=Code.NOT_FOUND))


class _Api:
    """Every route in one falcon sink."""

    def __init__(self, fake: FakeServer) -> None:
        self.fake = fake

    def __call__(self, req: falcon.Request, resp: falcon.Response, **_: Any) -> None:
        self.fake.requests.append(f"{req.method} {req.path}" + (f"?{req.query_string}" if req.query_string else ""))
        self.fake.authorization = req.get_header("Authorization")
        try:
            self.refuse_if_told(f"{req.method} {req.path}")
            self.answer(req, resp)
        except _Refused as refused:
            resp.status = refused.problem.status
            resp.content_type = PROBLEM_JSON
            resp.data = encode(refused.problem)

    def refuse_if_told(self, request: str) -> None:
        if self.fake.refusals.get(request):
            raise _Refused(self.fake.refusals[request].pop())

    def answer(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = "application/json"
        match [req.method, *req.path.removeprefix("/api/v1").strip("/").split("/")]:
            case ["GET", ("healthz" | "server-info" | "runtime-state") as name]:
                about = {
                    "healthz": Health(status="ok"),
                    "server-info": self.fake.info,
                    "runtime-state": self.fake.state,
                }
                resp.data = encode(about[name])
            case [_, "update" | "server", verb]:
                resp.data = encode(self.update(verb))
            case ["GET", "agents"]:
                resp.data = encode(AgentList(agents=list(self.fake.agents.values())))
            case ["GET", "agents", agent_id]:
                resp.data = encode(AgentResponse(agent=self.agent(agent_id)))
            case ["POST", "agents", agent_id, "actions"]:
                self.act(resp, agent_id, decode(req.bounded_stream.read(), AgentActionRequest))
            case [_, "projects", *rest]:
                self.projects(req, resp, rest)
            case ["POST", ("pipelines" | "pipeline-chains") as kind, number, "run-selection" | "run"]:
                self.fake.run_requests.append((f"{kind}/{number}", decode(req.bounded_stream.read(), RunRequest)))
                self.fake.jobs.update({j.id: j for j in self.fake.enqueue})
                ids = [j.id for j in self.fake.enqueue]
                resp.status = 201
                resp.data = encode(
                    RunResponse(
                        project_name="shop",
                        pipeline_id="build",
                        enqueued=len(ids),
                        job_execution_ids=ids,
                        pipeline_run_id="run-1",
                    )
                )
            case ["GET", "jobs"]:
                resp.data = encode(self.job_list(req))
            case [_, "jobs", job_id, *rest]:
                self.job(req, resp, job_id, rest)
            case ["GET", "artifacts", job_id, *path]:
                resp.content_type = "application/octet-stream"
                resp.data = self.fake.artifacts[job_id]["/".join(path)]
            case _:
                self.vaults(req, resp)

    def vaults(self, req: falcon.Request, resp: falcon.Response) -> None:
        match [req.method, *req.path.removeprefix("/api/v1/vault/connections").strip("/").split("/")]:
            case ["GET", ""]:
                resp.data = encode(VaultConnectionList(connections=self.fake.vaults))
            case ["POST", ""]:
                resp.status = 201
                resp.data = encode(VaultConnectionResponse(connection=self.fake.vaults[0]))
            case ["DELETE", number]:
                self.fake.vaults = [vault for vault in self.fake.vaults if str(vault.id) != number]
                resp.data = encode(DeletedVaultConnection(deleted=True, id=int(number)))
            case ["POST", _, "test"]:
                resp.data = encode(self.fake.vault_answer)
            case _:
                raise _missing("page")

    def update(self, verb: str) -> Message:
        """Answer for a server that runs the latest version, v0.1.0, and had v0.0.9 before."""
        match verb:
            case "check":
                return UpdateCheck(current_version="v0.1.0", latest_version="v0.1.0", update_available=False)
            case "tags":
                return UpdateTags(tags=["v0.1.0", "v0.0.9"], current_version="v0.1.0")
            case "status":
                return UpdateStatus(
                    status={
                        "update_current_version": "v0.1.0",
                        "update_server_self_update_supported": "1",
                        "update_previous_version": "v0.0.9",
                    }
                )
            case "restart":
                return Restarting(restarting=True, message="restart requested")
            case _:
                return UpdateAnswer(updated=False, message="already up to date")

    def agent(self, agent_id: str) -> Agent:
        if agent_id not in self.fake.agents:
            raise _missing("agent")
        return self.fake.agents[agent_id]

    def act(self, resp: falcon.Response, agent_id: str, request: AgentActionRequest) -> None:
        agent = self.agent(agent_id)
        self.fake.actions.append((agent_id, request))
        answer = AgentActionResponse(requested=True, agent_id=agent_id, message=f"agent {request.action}d")
        match request.action:
            case "activate" | "deactivate":
                self.fake.agents[agent_id] = msgspec.structs.replace(agent, deactivated=request.action == "deactivate")
            case "update" if agent.version == self.fake.info.version:
                answer = AgentActionResponse(requested=False, message="agent is already at target version")
            case "update":
                answer = AgentActionResponse(requested=True, agent_id=agent_id, target=self.fake.info.version)
            case "run-script":
                [queued] = self.fake.enqueue or [job("job-7")]
                self.fake.jobs[queued.id] = queued
                resp.status = 201
                resp.data = encode(
                    QueuedScript(
                        queued=True,
                        agent_id=agent_id,
                        job_execution_id=queued.id,
                        shell=request.shell,
                        timeout_seconds=request.timeout_seconds,
                    )
                )
                return
        resp.data = encode(answer)

    def projects(self, req: falcon.Request, resp: falcon.Response, rest: list[str]) -> None:
        imported = ImportResponse(
            project_name="shop", repo_url="u", config_file="cictl.yaml", pipelines=2, project_id=3
        )
        match [req.method, *rest]:
            case ["GET"]:
                resp.data = encode(ProjectList(projects=self.fake.projects))
            case ["POST", "import"]:
                request = decode(req.bounded_stream.read(), ImportRequest)
                resp.status = 201
                resp.data = encode(
                    msgspec.structs.replace(imported, repo_url=request.repo_url, repo_ref=request.repo_ref)
                )
            case ["POST", _, "reload"]:
                resp.data = encode(imported)
            case ["GET", number]:
                resp.data = encode(ProjectResponse(project=_detail(self.project(number))))
            case ["DELETE", number]:
                self.fake.projects.remove(self.project(number))
                resp.status = 204

    def project(self, number: str) -> ProjectSummary:
        found = [p for p in self.fake.projects if p.id == int(number)]
        if not found:
            raise _missing("project")
        return found[0]

    def job_list(self, req: falcon.Request) -> JobList:
        jobs = [msgspec.structs.replace(j, output="") for j in self.fake.jobs.values()]
        wanted = {"project": "project", "pipeline": "pipeline_id", "run": "pipeline_run_id"}
        for parameter, key in wanted.items():
            if req.get_param(parameter):
                jobs = [j for j in jobs if j.metadata.get(key) == req.get_param(parameter)]
        if req.get_param("status") == "finished":
            jobs = [j for j in jobs if j.status.is_terminal]
        elif req.get_param("status"):
            jobs = [j for j in jobs if j.status == req.get_param("status")]
        count = req.get_param_as_int("max") or 150
        return JobList(job_executions=jobs[::-1][:count], next_cursor="more" if len(jobs) > count else "")

    def job(self, req: falcon.Request, resp: falcon.Response, job_id: str, rest: list[str]) -> None:
        if job_id not in self.fake.jobs:
            raise _missing("job")
        match [req.method, *rest]:
            case ["GET"] if req.get_param("view") == "state":
                self.fake.on_state(job_id)
                resp.data = encode(JobStateResponse(job_execution=self.job_state(job_id)))
            case ["GET"]:
                output = self.fake.logs.get(job_id, b"").decode(errors="replace")
                resp.data = encode(
                    JobResponse(job_execution=msgspec.structs.replace(self.fake.jobs[job_id], output=output))
                )
            case ["POST", "cancel"]:
                if self.fake.jobs[job_id].status.is_terminal:
                    raise _Refused(Problem(title="job is not active", status=409, code=Code.CONFLICT))
                self.fake.finish(job_id, JobStatus.FAILED, error=CANCELLED_BY_USER, cause=Cause.CANCELLED)
                resp.data = encode(JobResponse(job_execution=self.fake.jobs[job_id]))
            case ["GET", "log"]:
                self.log(req, resp, job_id)
            case ["GET", "tests"]:
                empty = TestReport(total=0, passed=0, failed=0, skipped=0)
                resp.data = encode(TestReportResponse(report=self.fake.reports.get(job_id, empty)))
            case ["GET", "artifacts"]:
                resp.data = encode(ArtifactList(artifacts=self.artifact_list(job_id)))
            case ["GET", "artifacts", "download-all"]:
                resp.content_type = "application/zip"
                resp.data = _zipped(self.fake.artifacts.get(job_id, {}))
            case _:
                raise _missing("page")

    def job_state(self, job_id: str) -> JobState:
        fields = {name: getattr(self.fake.jobs[job_id], name) for name in JobState.__struct_fields__}
        return JobState(**{**fields, "log_size": len(self.fake.logs.get(job_id, b""))})

    def log(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        data = self.fake.logs.get(job_id, b"")
        offset = int(req.get_header("Last-Event-ID") or req.get_param("offset") or 0)
        if req.get_param("follow"):
            resp.content_type = "text/event-stream"
            resp.stream = self.events(job_id, offset)
            return
        limit = req.get_param_as_int("limit")
        resp.content_type = "text/plain"
        resp.set_header("X-Log-Size", str(len(data)))
        resp.set_header("X-Log-Complete", "true" if self.fake.jobs[job_id].status.is_terminal else "false")
        resp.data = data[offset : None if limit is None else offset + limit]

    def events(self, job_id: str, offset: int) -> Iterator[bytes]:
        pause = threading.Event()
        while not self.fake.stopping:
            over = self.fake.jobs[job_id].status.is_terminal
            data = self.fake.logs.get(job_id, b"")[offset:]
            if data:
                body = msgspec.json.encode({"offset": offset, "data_base64": base64.b64encode(data).decode()})
                offset += len(data)
                yield b"event: log\nid: %d\ndata: %s\n\n" % (offset, body)
            elif over:
                yield b"event: end\ndata: " + msgspec.json.encode(self.job_state(job_id)) + b"\n\n"
                return
            pause.wait(0.01)

    def artifact_list(self, job_id: str) -> list[Artifact]:
        return [
            Artifact(id=n, job_execution_id=job_id, path=path, url=f"/artifacts/{job_id}/{path}", size_bytes=len(data))
            for n, (path, data) in enumerate(self.fake.artifacts.get(job_id, {}).items(), start=1)
        ]


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return buffer.getvalue()


def _detail(project: ProjectSummary) -> ProjectDetail:
    compile_job = JobDetail(id="compile", timeout_seconds=60, steps=[StepDetail(type="run", run="make")])
    test_job = JobDetail(
        id="test",
        timeout_seconds=0,
        needs=["compile"],
        steps=[StepDetail(type="test", test_name="unit", test_command="make test")],
        matrix_includes=[MatrixInclude(index=0, name="linux", vars={"name": "linux"})],
    )
    pipelines = [
        PipelineDetail(id=p.id, pipeline_id=p.pipeline_id, versioning=VersioningDetail(), jobs=[compile_job, test_job])
        for p in project.pipelines
    ]
    return ProjectDetail(
        id=project.id,
        name=project.name,
        updated_utc=project.updated_utc,
        pipelines=pipelines,
        pipeline_chains=project.pipeline_chains,
    )


def _agent(agent_id: str, **fields: Any) -> Agent:
    return Agent(
        agent_id=agent_id,
        hostname="host",
        os="linux",
        arch="amd64",
        capabilities={"executor": "script", "shells": "posix"},
        last_seen_utc=LONG_AGO,
        version="0.1.0",
        recent_log=["Fri 02 Jan 03:04:05 heartbeat version=0.1.0 platform=linux/amd64"],
        **fields,
    )


def _project() -> ProjectSummary:
    return ProjectSummary(
        id=3,
        name="shop",
        config_path="https://example.com/shop.git@main:cictl.yaml",
        updated_utc=LONG_AGO,
        pipelines=[
            PipelineSummary(id=7, pipeline_id="build", trigger="manual"),
            PipelineSummary(id=8, pipeline_id="deploy", depends_on=["build"], supports_dry_run=True),
        ],
        repo_url="https://example.com/shop.git",
        repo_ref="main",
        config_file="cictl.yaml",
        loaded_commit="0123456789abcdef0123456789abcdef01234567",
        pipeline_chains=[ChainSummary(id=2, chain_id="release", pipelines=["build", "deploy"])],
    )


class Served:
    """Serves on a free port for the length of a block."""

    def __init__(self, fake: FakeServer) -> None:
        self.fake = fake

    def __enter__(self) -> FakeServer:
        app = falcon.App()
        app.add_sink(_Api(self.fake), prefix="/")
        self.server = ThreadedServer(app)
        self.fake.url = self.server.url
        return self.fake

    def __exit__(self, *_: object) -> None:
        self.fake.stopping = True
        self.server.stop()


def new_fake() -> FakeServer:
    """Return a server with an agent, the project shop, and nothing in the queue; it is not served yet."""
    return FakeServer(
        agents={"build-1": _agent("build-1"), "build-2": _agent("build-2"), "mac": _agent("mac", deactivated=True)},
        projects=[_project()],
    )
