"""The package as its users meet it: imports, public names, documentation."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from cictl_testing.servers.answers import AnsweringServer, Reply, reply

import cictl_client
import cictl_client.errors
from cictl.wire.admin.server import ServerInfo
from cictl.wire.agents import Agent, AgentActionResponse, AgentList
from cictl.wire.events import JobChanged
from cictl.wire.jobs import JobExecution, JobResponse, JobState, JobStateResponse, JobStatus
from cictl.wire.projects import PipelineSummary, ProjectList, ProjectSummary, RunResponse
from cictl.wire.results.artifacts import Artifact, ArtifactList
from cictl.wire.waiting.queue import JobList
from cictl_client import Client, ClientError

DOCS = Path(__file__).parents[2] / "docs" / "client.md"
ADDRESS = "http://127.0.0.1:8112"
JOB_ID = "job-1795417944657170849"
NOW = datetime(2026, 3, 1, tzinfo=UTC)

_FENCE = re.compile(r"^( *)```python\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


def examples() -> list[object]:
    """Every Python example in the guide and in the docstrings."""
    sources = {"docs": DOCS.read_text(), "package": cictl_client.__doc__ or "", "Client": inspect.getdoc(Client) or ""}
    for name, method in inspect.getmembers(Client, inspect.isfunction):
        sources[name] = inspect.getdoc(method) or ""
    found = [(name, match[2]) for name, text in sources.items() for match in _FENCE.finditer(text)]
    return [pytest.param(code, id=f"{name}-{number}") for number, (name, code) in enumerate(found)]


def modules_after(code: str) -> set[str]:
    """Return what a fresh interpreter has loaded after *code*."""
    program = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import cictl_client", id="package"),
        pytest.param("from cictl_client import Client, ClientError, LogChunk, RawResponse", id="names"),
    ],
)
def test_importing_loads_no_http(code: str) -> None:
    assert not {"requests", "urllib3", "sseclient", "http.client"} & modules_after(code)


def test_answers_that_are_read_whole_need_no_session(server: AnsweringServer) -> None:
    server.on("GET /api/v1/agents", reply(AgentList(agents=[])))
    code = f"from cictl_client import Client\nwith Client({server.url!r}) as client: assert client.list_agents() == []"
    assert not {"requests", "urllib3"} & modules_after(code)


def test_importing_the_package_alone_loads_nothing_of_it() -> None:
    loaded = modules_after("import cictl_client")
    assert {name for name in loaded if name.startswith("cictl_client")} == {"cictl_client"}
    assert "msgspec" not in loaded


def test_all_names_exist_and_know_their_own() -> None:
    assert [getattr(cictl_client, name).__name__ for name in cictl_client.__all__] == cictl_client.__all__
    assert cictl_client.__all__ == sorted(cictl_client.__all__)


def test_every_error_is_public() -> None:
    errors = {
        name for name, kind in inspect.getmembers(cictl_client.errors, inspect.isclass) if issubclass(kind, ClientError)
    }
    assert errors | {"Client", "LogChunk", "RawResponse", "ServerEvent"} == set(cictl_client.__all__)


def test_other_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Clinet'"):
        cictl_client.Clinet  # noqa: B018


@pytest.fixture
def shop(server: AnsweringServer) -> AnsweringServer:
    """A server that has what the examples speak of."""
    job = JobExecution(
        id=JOB_ID,
        script="make",
        required_capabilities=None,
        timeout_seconds=0,
        status=JobStatus.SUCCEEDED,
        created_utc=NOW,
        output="done\n",
    )
    state = JobState(id=JOB_ID, status=JobStatus.SUCCEEDED, log_size=5)
    pipelines = [PipelineSummary(id=7, pipeline_id="build")]
    project = ProjectSummary(id=3, name="shop", config_path="x", updated_utc=NOW, pipelines=pipelines)
    agent = Agent(agent_id="build-1", hostname="h", os="linux", arch="amd64", capabilities=None, last_seen_utc=NOW)
    file = Artifact(id=1, job_execution_id=JOB_ID, path="app", url=f"/artifacts/{JOB_ID}/app", size_bytes=3)
    ran = RunResponse(project_name="shop", pipeline_id="build", enqueued=1, job_execution_ids=[JOB_ID])
    path = f"/api/v1/jobs/{JOB_ID}"
    server.on("GET /api/v1/server-info", reply(ServerInfo(name="cictl", api_version=1, version="1.2.3")))
    server.on("GET /api/v1/jobs", reply(JobList(job_executions=[job])))
    server.on("GET /api/v1/agents", reply(AgentList(agents=[agent])))
    server.on("POST /api/v1/agents/build-1/actions", reply(AgentActionResponse(requested=True)))
    server.on("GET /api/v1/projects", reply(ProjectList(projects=[project])))
    server.on("POST /api/v1/pipelines/7/run-selection", reply(ran, status=201))
    server.on(
        f"GET {path}",
        lambda seen: reply(JobStateResponse(job_execution=state) if seen.query else JobResponse(job_execution=job)),
    )
    changed = msgspec.json.encode(JobChanged(id=JOB_ID, state=state))
    event = Reply((b"event: job\nid: 1\ndata: %s\n\n" % changed, b""), kind="text/event-stream")
    server.on("GET /api/v1/events", event)
    server.on(f"GET {path}/artifacts", reply(ArtifactList(artifacts=[file])))
    server.on(f"GET /artifacts/{JOB_ID}/app", Reply((b"app",), kind="application/octet-stream"))
    return server


@pytest.mark.parametrize("code", examples())
def test_example_runs(code: str, shop: AnsweringServer, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", inspect.cleandoc(code).replace(ADDRESS, shop.url)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert shop.seen


def test_guide_names_every_method_and_error() -> None:
    text = DOCS.read_text()
    methods = {name for name, _ in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")}
    assert {name for name in {*methods, *cictl_client.__all__} if f"`{name}" not in text} == set()
