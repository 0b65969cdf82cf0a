from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cictl_testing.servers.answers import AnsweringServer, Reply, drop, marked, problem, refusal, reply

from cictl.wire.access import (
    EnrollRequest,
    EnrolmentRequest,
    NewToken,
    Role,
    Token,
    TokenList,
    TokenRequest,
    WhoAmI,
)
from cictl.wire.agents import (
    Agent,
    AgentActionRequest,
    AgentActionResponse,
    AgentList,
    AgentResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    LeaseRequest,
    LeaseResponse,
    QueuedScript,
    StatusRequest,
)
from cictl.wire.artifacts import Artifact, ArtifactData, ArtifactList, ArtifactUpload
from cictl.wire.codec import encode
from cictl.wire.explain import Explanation, Reason
from cictl.wire.jobs import (
    BlockedBy,
    Dependency,
    JobExecution,
    JobResponse,
    JobState,
    JobStateResponse,
    JobStatus,
    JobSteps,
    LoggedStep,
    RerunResponse,
)
from cictl.wire.problems import Code
from cictl.wire.projects import (
    EligibleAgents,
    ImportRequest,
    ImportResponse,
    JobTokens,
    PendingJob,
    PreviewRequest,
    PreviewResponse,
    ProjectDetail,
    ProjectList,
    ProjectResponse,
    ProjectSettings,
    ProjectSummary,
    RunRequest,
    RunResponse,
    SourceRef,
    SourceRefs,
)
from cictl.wire.queue import ClearedQueue, FlushedHistory, JobList, QueuePause, QueueState
from cictl.wire.reports import TestReport, TestReportResponse, TestReportUpload
from cictl.wire.retention import RetentionChange, RetentionCounts, RetentionPolicies, RetentionPolicy, RunPin
from cictl.wire.runs import Run, RunCounts, RunList, RunRerunResponse, RunStatus, RunSummary
from cictl.wire.secrets import DeletedSecret, RotatedKey, Secret, SecretList, SecretRequest, SecretResponse
from cictl.wire.server import Health, RuntimeState, ServerInfo, ServerInstance, ServerList
from cictl.wire.tests import TestList
from cictl.wire.updates import (
    Restarting,
    ServerUpdates,
    UpdateAnswer,
    UpdateCheck,
    UpdateRequest,
    UpdateStatus,
    UpdateTags,
)
from cictl.wire.vault import (
    DeletedVaultConnection,
    VaultConnection,
    VaultConnectionList,
    VaultConnectionRequest,
    VaultConnectionResponse,
    VaultTestRequest,
    VaultTestResponse,
)
from cictl_client import Client, Conflict, ForeignAnswer, LogChunk, NotFound, UnexpectedAnswer, Unreachable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEGUN = LoggedStep(index=1, total=2, name="step 1", started_utc=NOW, log_offset=9)
JOB = JobExecution(
    id="job-1",
    script="make",
    required_capabilities=None,
    timeout_seconds=60,
    status=JobStatus.RUNNING,
    created_utc=NOW,
    leased_by_agent_id="a",
    current_step="compile",
    output="héllo\n",
)
STATE = JobState(id="job-1", status=JobStatus.RUNNING, log_size=7, current_step="compile", leased_by_agent_id="a")
AGENT = Agent(agent_id="a/1", hostname="h", os="linux", arch="amd64", capabilities=None, last_seen_utc=NOW)
PROJECT = ProjectSummary(id=3, name="shop", config_path="x", updated_utc=NOW, pipelines=[])
DETAIL = ProjectDetail(id=3, name="shop", updated_utc=NOW)
SETTINGS = ProjectSettings(job_tokens=JobTokens.START)
IMPORTED = ImportResponse(project_name="shop", repo_url="u", config_file="cictl.yaml", pipelines=1)
RAN = RunResponse(project_name="shop", pipeline_id="build", enqueued=1, job_execution_ids=["job-1"])
ELIGIBLE = EligibleAgents(eligible_agent_ids=["a"], pending_jobs=1)
PREVIEW = PreviewResponse(
    mode="normal",
    offline_cached_only=True,
    cache_used=False,
    pipeline_id="build",
    pending_jobs=[PendingJob(pipeline_job_id="compile", step_count=1, eligible_agent_ids=[])],
    eligible_agent_ids=None,
)
REFS = SourceRefs(source_repo="u", refs=[SourceRef(name="main", ref="refs/heads/main")])
FILE = Artifact(id=1, job_execution_id="job-1", path="app", url="/artifacts/job-1/app", size_bytes=3)
REPORT = TestReport(total=1, passed=1)
HEALTH = Health(status="ok")
INFO = ServerInfo(name="cictl", api_version=1, version="1.2.3")
SERVERS = ServerList(
    servers=[
        ServerInstance(
            instance_id="a", name="host", version="1.2.3", started_utc=NOW, seen_utc=NOW, leads=["background"]
        )
    ]
)
RUNTIME = RuntimeState(
    mode="normal",
    online_agents=0,
    stale_agents=0,
    offline_agents=0,
    has_any_agents=False,
    last_agent_seen_utc=NOW,
    git_available=True,
)
ACTION = AgentActionResponse(requested=True, agent_id="a/1")
QUEUED = QueuedScript(queued=True, agent_id="a/1", job_execution_id="job-1", shell="posix", timeout_seconds=9)
BEAT = HeartbeatResponse(accepted=True)
LEASED = LeaseResponse(assigned=True, job_execution=JOB)
PAUSED = QueueState(pauses=[QueuePause(reason="moving", since_utc=datetime(2026, 3, 1, tzinfo=UTC), project="shop")])
OF_JOB = "/api/v1/jobs/job-1"
ME = WhoAmI(authentication=True, role=Role.VIEWER, id=4, name="anna")
TOKEN = Token(id=4, name="anna", role=Role.VIEWER, last_four="wxyz", created_utc=NOW)
NEW_TOKEN = NewToken(id=4, name="anna", role=Role.VIEWER, last_four="wxyz", created_utc=NOW, token="secret")
VAULT = VaultConnection(
    id=3, name="pantry", url="https://v", auth_method="approle", approle_mount="approle", role_id="r", used_by=["s/b"]
)
REMOVED = DeletedVaultConnection(deleted=True, id=3, used_by=["s/b"])
KEPT = RetentionPolicies(default=RetentionPolicy(keep_runs=9, keep_days=0, artifact_days=90, log_days=0))
GOING = RetentionCounts(runs=1, jobs=2, logs=2, artifacts=0, bytes=20)
PIN = RunPin(run="41", pinned=False, jobs=2)
RUN = Run(id="run-1", number=41, status=RunStatus.FAILED, created_utc=NOW, counts=RunCounts(failed=1), project="shop")
RUNS = RunList(runs=[RUN], next_cursor="41")
SUMMARY = RunSummary(
    id="run-1",
    number=41,
    status=RunStatus.FAILED,
    created_utc=NOW,
    counts=RunCounts(failed=1),
    failed_jobs=[],
    failed_tests=[],
    since_last_success=["41"],
    truncated=True,
)
RERUN_OF_RUN = RunRerunResponse(
    id="run-1",
    number=41,
    status=RunStatus.QUEUED,
    created_utc=NOW,
    counts=RunCounts(queued=1),
    job_execution_ids=["job-2"],
)
TESTS = TestList(tests=[], next_cursor="k")
SECRET = Secret(id=3, name="deploy", created_utc=datetime.now(UTC), updated_utc=datetime.now(UTC))
UNSET = DeletedSecret(deleted=True, id=3, name="deploy")
ROTATED = RotatedKey(key_id="0a1b2c3d", secrets=2)
TESTED = VaultTestResponse(ok=True, message="vault auth ok")

RERUN = RerunResponse(job_execution=JOB, dependants=["job-2"])
BLOCKED = BlockedBy(blocked=True, dependency=Dependency(job_execution_id="job-0"))
EXPLANATION = Explanation(
    job_execution_id="job-1",
    name="shop/build/compile",
    status=JobStatus.QUEUED,
    reason=Reason.NO_AGENTS,
    summary="no agent ever connected",
    since_utc=NOW,
)

Call = Callable[[Client], Any]

RESTARTING = Restarting(restarting=True, message="at once")
CHECKED = UpdateCheck(current_version="v1", update_available=True, latest_version="v2")
UPDATED = UpdateAnswer(updated=True, message="staged", target="v2", target_version="v2")
TAGS = UpdateTags(tags=["v2", "v1"], current_version="v1")


def case(name: str, request: str, answer: object, call: Call, result: object, body: object = None) -> Any:
    return pytest.param(request, answer, call, result, body, id=name)


CASES = [
    case("health", "GET /healthz", HEALTH, Client.health, HEALTH),
    case("server_info", "GET /api/v1/server-info", INFO, Client.server_info, INFO),
    case("servers", "GET /api/v1/servers", SERVERS, Client.servers, SERVERS),
    case("runtime_state", "GET /api/v1/runtime-state", RUNTIME, Client.runtime_state, RUNTIME),
    case(
        "restart_server",
        "POST /api/v1/server/restart",
        RESTARTING,
        Client.restart_server,
        RESTARTING,
        b"{}",
    ),
    case("check_for_update", "POST /api/v1/update/check", CHECKED, Client.check_for_update, CHECKED, b"{}"),
    case(
        "apply_update",
        "POST /api/v1/update/apply",
        UPDATED,
        lambda c: c.apply_update("v2"),
        UPDATED,
        UpdateRequest(target_version="v2"),
    ),
    case(
        "rollback_update",
        "POST /api/v1/update/rollback",
        UPDATED,
        lambda c: c.rollback_update("v1"),
        UPDATED,
        UpdateRequest(target_version="v1"),
    ),
    case("list_update_tags", "GET /api/v1/update/tags", TAGS, Client.list_update_tags, TAGS),
    case(
        "get_update_status",
        "GET /api/v1/update/status",
        UpdateStatus(status={"update_phase": "idle"}),
        Client.get_update_status,
        {"update_phase": "idle"},
    ),
    case(
        "get_server_updates",
        "GET /api/v1/update/status",
        UpdateStatus(status={}, servers=[ServerUpdates(instance_id="i", name="n", status={"update_phase": "idle"})]),
        Client.get_server_updates,
        UpdateStatus(status={}, servers=[ServerUpdates(instance_id="i", name="n", status={"update_phase": "idle"})]),
    ),
    case("list_agents", "GET /api/v1/agents", AgentList(agents=[AGENT]), Client.list_agents, [AGENT]),
    case("get_agent", "GET /api/v1/agents/a/1", AgentResponse(agent=AGENT), lambda c: c.get_agent("a/1"), AGENT),
    case(
        "agent_action",
        "POST /api/v1/agents/a/1/actions",
        ACTION,
        lambda c: c.agent_action("a/1", "update"),
        ACTION,
        AgentActionRequest(action="update"),
    ),
    case(
        "run_script",
        "POST /api/v1/agents/a/1/actions",
        QUEUED,
        lambda c: c.run_script("a/1", "id", shell="posix", timeout_seconds=9),
        QUEUED,
        AgentActionRequest(action="run-script", script="id", shell="posix", timeout_seconds=9),
    ),
    case(
        "remove_agent",
        "DELETE /api/v1/agents/a/1",
        b'{"removed":true}',
        lambda c: c.remove_agent("a/1", force=True),
        None,
    ),
    case("list_projects", "GET /api/v1/projects", ProjectList(projects=[PROJECT]), Client.list_projects, [PROJECT]),
    case("get_project", "GET /api/v1/projects/3", ProjectResponse(project=DETAIL), lambda c: c.get_project(3), DETAIL),
    case(
        "import_project",
        "POST /api/v1/projects/import",
        IMPORTED,
        lambda c: c.import_project(ImportRequest(repo_url="u")),
        IMPORTED,
        ImportRequest(repo_url="u"),
    ),
    case("reload_project", "POST /api/v1/projects/3/reload", IMPORTED, lambda c: c.reload_project(3), IMPORTED, b"{}"),
    case(
        "change_project_settings",
        "POST /api/v1/projects/3/settings",
        SETTINGS,
        lambda c: c.change_project_settings(3, SETTINGS),
        SETTINGS,
        SETTINGS,
    ),
    case("delete_project", "DELETE /api/v1/projects/3", b'{"deleted":true}', lambda c: c.delete_project(3), None),
    case(
        "run_pipeline",
        "POST /api/v1/pipelines/7/run-selection",
        RAN,
        lambda c: c.run_pipeline(7, RunRequest(dry_run=True)),
        RAN,
        RunRequest(dry_run=True),
    ),
    case(
        "run_chain",
        "POST /api/v1/pipeline-chains/2/run",
        RAN,
        lambda c: c.run_chain(2, RunRequest()),
        RAN,
        RunRequest(),
    ),
    case(
        "preview_pipeline",
        "POST /api/v1/pipelines/7/dry-run-preview",
        PREVIEW,
        lambda c: c.preview_pipeline(7, PreviewRequest(offline_cached_only=True)),
        PREVIEW,
        PreviewRequest(offline_cached_only=True),
    ),
    case(
        "preview_chain",
        "POST /api/v1/pipeline-chains/2/dry-run-preview",
        PREVIEW,
        lambda c: c.preview_chain(2, PreviewRequest(source_ref="main")),
        PREVIEW,
        PreviewRequest(source_ref="main"),
    ),
    case(
        "eligible_agents_for_pipeline",
        "POST /api/v1/pipelines/7/eligible-agents",
        ELIGIBLE,
        lambda c: c.eligible_agents_for_pipeline(7, RunRequest(pipeline_job_id="compile")),
        ELIGIBLE,
        RunRequest(pipeline_job_id="compile"),
    ),
    case(
        "eligible_agents_for_chain",
        "POST /api/v1/pipeline-chains/2/eligible-agents",
        ELIGIBLE,
        lambda c: c.eligible_agents_for_chain(2, RunRequest()),
        ELIGIBLE,
        RunRequest(),
    ),
    case(
        "source_refs_of_pipeline",
        "GET /api/v1/pipelines/7/source-refs",
        REFS,
        lambda c: c.source_refs_of_pipeline(7),
        REFS,
    ),
    case(
        "source_refs_of_chain",
        "GET /api/v1/pipeline-chains/2/source-refs",
        REFS,
        lambda c: c.source_refs_of_chain(2),
        REFS,
    ),
    case(
        "list_jobs",
        "GET /api/v1/jobs",
        JobList(job_executions=[JOB], next_cursor="n"),
        Client.list_jobs,
        JobList(job_executions=[JOB], next_cursor="n"),
    ),
    case("list_steps", f"GET {OF_JOB}/steps", JobSteps(steps=[BEGUN]), lambda c: c.list_steps("job-1"), [BEGUN]),
    case("get_job", f"GET {OF_JOB}", JobResponse(job_execution=JOB), lambda c: c.get_job("job-1"), JOB),
    case(
        "get_job_state",
        f"GET {OF_JOB}",
        JobStateResponse(job_execution=STATE),
        lambda c: c.get_job_state("job-1"),
        STATE,
    ),
    case(
        "cancel_job",
        f"POST {OF_JOB}/cancel",
        JobResponse(job_execution=JOB),
        lambda c: c.cancel_job("job-1"),
        JOB,
        b"{}",
    ),
    case(
        "rerun_job",
        f"POST {OF_JOB}/rerun",
        RERUN,
        lambda c: c.rerun_job("job-1"),
        RERUN,
        b"{}",
    ),
    case("delete_job", f"DELETE {OF_JOB}", b'{"deleted":true}', lambda c: c.delete_job("job-1"), None),
    case(
        "prioritize_job",
        f"POST {OF_JOB}/priority",
        JobResponse(job_execution=JOB),
        lambda c: c.prioritize_job("job-1", 7),
        JOB,
        b'{"priority":7}\n',
    ),
    case("queue_state", "GET /api/v1/queue", PAUSED, Client.queue_state, PAUSED),
    case(
        "pause_queue",
        "POST /api/v1/queue/pause",
        PAUSED,
        lambda c: c.pause_queue(reason="moving", project="shop"),
        PAUSED,
        b'{"project":"shop","reason":"moving"}\n',
    ),
    case(
        "resume_queue",
        "POST /api/v1/queue/resume",
        QueueState(),
        lambda c: c.resume_queue(project="shop"),
        QueueState(),
        b'{"project":"shop"}\n',
    ),
    case("clear_queue", "POST /api/v1/jobs/clear-queue", ClearedQueue(cleared=3), Client.clear_queue, 3, b"{}"),
    case("flush_history", "POST /api/v1/jobs/flush-history", FlushedHistory(flushed=3), Client.flush_history, 3, b"{}"),
    case("blocked_by", f"GET {OF_JOB}/blocked-by", BLOCKED, lambda c: c.blocked_by("job-1"), BLOCKED),
    case("explain_job", f"GET {OF_JOB}/explain", EXPLANATION, lambda c: c.explain_job("job-1"), EXPLANATION),
    case(
        "get_test_report",
        f"GET {OF_JOB}/tests",
        TestReportResponse(report=REPORT),
        lambda c: c.get_test_report("job-1"),
        REPORT,
    ),
    case(
        "list_artifacts",
        f"GET {OF_JOB}/artifacts",
        ArtifactList(artifacts=[FILE]),
        lambda c: c.list_artifacts("job-1"),
        [FILE],
    ),
    case("retention", "GET /api/v1/retention", KEPT, Client.retention, KEPT),
    case(
        "change_retention",
        "POST /api/v1/retention",
        KEPT,
        lambda c: c.change_retention(RetentionChange(project="shop", log_days=3)),
        KEPT,
        b'{"project":"shop","log_days":3}\n',
    ),
    case("preview_retention", "GET /api/v1/retention/preview", GOING, Client.preview_retention, GOING),
    case("run_retention", "POST /api/v1/retention/run", GOING, Client.run_retention, GOING, b"{}"),
    case("list_runs", "GET /api/v1/runs", RUNS, Client.list_runs, RUNS),
    case("get_run", "GET /api/v1/runs/41", RUN, lambda c: c.get_run("41"), RUN),
    case("summarize_run", "GET /api/v1/runs/41/summary", SUMMARY, lambda c: c.summarize_run("41"), SUMMARY),
    case("cancel_run", "POST /api/v1/runs/41/cancel", RUN, lambda c: c.cancel_run("41"), RUN, b"{}"),
    case(
        "rerun_run",
        "POST /api/v1/runs/41/rerun",
        RERUN_OF_RUN,
        lambda c: c.rerun_run("41", only_failed=True),
        RERUN_OF_RUN,
        b'{"only_failed":true}\n',
    ),
    case("pin_run", "POST /api/v1/runs/41/unpin", PIN, lambda c: c.pin_run("41", pinned=False), PIN, b"{}"),
    case("list_tests", "GET /api/v1/tests", TESTS, lambda c: c.list_tests(flaky=True), TESTS),
    case("list_secrets", "GET /api/v1/secrets", SecretList(secrets=[SECRET]), Client.list_secrets, [SECRET]),
    case(
        "set_secret",
        "POST /api/v1/secrets",
        SecretResponse(secret=SECRET),
        lambda c: c.set_secret(SecretRequest(name="deploy", value="x")),
        SECRET,
        b'{"name":"deploy","value":"x"}\n',
    ),
    case("delete_secret", "DELETE /api/v1/secrets/3", UNSET, lambda c: c.delete_secret(3), UNSET),
    case("rotate_secrets_key", "POST /api/v1/secrets/rotate-key", ROTATED, Client.rotate_secrets_key, ROTATED, b"{}"),
    case("whoami", "GET /api/v1/whoami", ME, Client.whoami, ME),
    case("list_tokens", "GET /api/v1/tokens", TokenList(tokens=[TOKEN]), Client.list_tokens, [TOKEN]),
    case(
        "create_token",
        "POST /api/v1/tokens",
        NEW_TOKEN,
        lambda c: c.create_token(TokenRequest(name="anna", role="viewer")),
        NEW_TOKEN,
        TokenRequest(name="anna", role="viewer"),
    ),
    case("rotate_token", "POST /api/v1/tokens/4/rotate", NEW_TOKEN, lambda c: c.rotate_token(4), NEW_TOKEN, b"{}"),
    case("revoke_token", "DELETE /api/v1/tokens/4", TOKEN, lambda c: c.revoke_token(4), TOKEN),
    case(
        "create_enrolment",
        "POST /api/v1/agents/enrolments",
        NEW_TOKEN,
        lambda c: c.create_enrolment(EnrolmentRequest(uses=3)),
        NEW_TOKEN,
        EnrolmentRequest(uses=3),
    ),
    case(
        "enroll",
        "POST /api/v1/agents/enroll",
        NEW_TOKEN,
        lambda c: c.enroll("secret", "a"),
        NEW_TOKEN,
        EnrollRequest(token="secret", agent_id="a"),
    ),
    case(
        "list_vault_connections",
        "GET /api/v1/vault/connections",
        VaultConnectionList(connections=[VAULT]),
        Client.list_vault_connections,
        [VAULT],
    ),
    case(
        "save_vault_connection",
        "POST /api/v1/vault/connections",
        VaultConnectionResponse(connection=VAULT),
        lambda c: c.save_vault_connection(VaultConnectionRequest(name="pantry", namespace="")),
        VAULT,
        b'{"name":"pantry","namespace":""}\n',
    ),
    case(
        "delete_vault_connection",
        "DELETE /api/v1/vault/connections/3",
        REMOVED,
        lambda c: c.delete_vault_connection(3),
        REMOVED,
    ),
    case(
        "test_vault_connection",
        "POST /api/v1/vault/connections/3/test",
        TESTED,
        lambda c: c.test_vault_connection(3, VaultTestRequest(secret_id_override="s")),
        TESTED,
        VaultTestRequest(secret_id_override="s"),
    ),
    case("heartbeat", "POST /api/v1/heartbeat", BEAT, lambda c: c.heartbeat(HeartbeatRequest()), BEAT, b"{}\n"),
    case(
        "lease",
        "POST /api/v1/agent/lease",
        LEASED,
        lambda c: c.lease(LeaseRequest(agent_id="a", wait_seconds=5)),
        LEASED,
        LeaseRequest(agent_id="a", wait_seconds=5),
    ),
    case(
        "report_status",
        f"POST {OF_JOB}/status",
        JobStateResponse(job_execution=STATE),
        lambda c: c.report_status("job-1", StatusRequest(agent_id="a", status="running")),
        STATE,
        StatusRequest(agent_id="a", status="running"),
    ),
    case(
        "upload_artifacts_json",
        f"POST {OF_JOB}/artifacts",
        ArtifactList(artifacts=[FILE]),
        lambda c: c.upload_artifacts_json("job-1", ArtifactUpload(agent_id="a", artifacts=[ArtifactData(path="app")])),
        [FILE],
        ArtifactUpload(agent_id="a", artifacts=[ArtifactData(path="app")]),
    ),
    case(
        "upload_artifacts_zip",
        f"POST {OF_JOB}/artifacts/upload-zip",
        ArtifactList(artifacts=[FILE]),
        lambda c: c.upload_artifacts_zip("job-1", "a", io.BytesIO(b"PK")),
        [FILE],
        b"PK",
    ),
    case(
        "upload_tests",
        f"POST {OF_JOB}/tests",
        TestReportResponse(report=REPORT),
        lambda c: c.upload_tests("job-1", TestReportUpload(agent_id="a", report=REPORT)),
        REPORT,
        TestReportUpload(agent_id="a", report=REPORT),
    ),
]
ELSEWHERE = {
    "base_url", "close", "download_all", "download_artifact", "events", "fetch_artifact", "follow_audit", "follow_log", "list_audit", "get_project_icon", "read_log", "request", "resolve_version",
    "run", "server_now", "stream_request", "verify_audit", "wait", "wait_for_job",
}  # fmt: skip
"""Public names whose tests are below, or in a module of their own."""


@pytest.mark.parametrize(("request_line", "answer", "call", "result", "body"), CASES)
def test_method_sends_its_request_and_reads_the_answer(
    client: Client,
    server: AnsweringServer,
    request_line: str,
    answer: object,
    call: Call,
    result: object,
    body: object,
) -> None:
    server.on(request_line, reply(answer))
    assert call(client) == result
    expected = b"" if body is None else body if isinstance(body, bytes) else encode(body)
    assert server.seen[0].body == expected


@pytest.mark.parametrize(
    ("told", "now"),
    [
        pytest.param("Sun, 01 Mar 2026 12:00:00 GMT", datetime(2026, 3, 1, 12, tzinfo=UTC), id="hours-off"),
        pytest.param("Sun, 01 Mar 2026 15:00:01 GMT", datetime(2026, 3, 1, 15, tzinfo=UTC), id="as-good-as-equal"),
        pytest.param("noon", datetime(2026, 3, 1, 15, tzinfo=UTC), id="nonsense"),
    ],
)
def test_time_is_the_servers(
    client: Client, server: AnsweringServer, monkeypatch: pytest.MonkeyPatch, told: str, now: datetime
) -> None:
    here = datetime(2026, 3, 1, 15, tzinfo=UTC)
    monkeypatch.setattr("cictl_client.server_clock.utc_now", lambda: here)
    assert client.server_now() == here
    server.on("GET /healthz", reply(Health(status="ok"), Date=told))
    client.health()
    assert client.server_now() == now


def test_every_public_method_has_a_test() -> None:
    public = {name for name, _ in inspect.getmembers(Client) if not name.startswith("_")}
    assert {str(case.id) for case in CASES} | ELSEWHERE == public


@pytest.mark.parametrize(
    ("call", "target"),
    [
        pytest.param(lambda c: c.get_agent("a/../b?c#d"), "/api/v1/agents/a%2F..%2Fb%3Fc%23d", id="agent"),
        pytest.param(lambda c: c.get_job("ä b"), "/api/v1/jobs/%C3%A4%20b", id="job"),
    ],
)
def test_id_is_one_segment_of_the_path(client: Client, server: AnsweringServer, call: Call, target: str) -> None:
    with pytest.raises(ForeignAnswer):
        call(client)
    assert server.seen[0].target == target


def test_deleting_may_be_answered_with_nothing(client: Client, server: AnsweringServer) -> None:
    server.on("DELETE /api/v1/projects/3", Reply((b"",), status=204))
    client.delete_project(3)
    assert server.count("DELETE /api/v1/projects/3") == 1


def test_icon_comes_as_it_is(client: Client, server: AnsweringServer) -> None:
    server.on("GET /api/v1/projects/3/icon", Reply((b"\x89PNG",), kind="image/png"))
    icon = client.get_project_icon(3)
    assert (icon.headers["Content-Type"], icon.body) == ("image/png", b"\x89PNG")
    assert server.seen[0].headers["accept"].startswith("image/*")


def test_only_filters_that_say_something_are_sent(client: Client, server: AnsweringServer) -> None:
    server.on("GET /api/v1/jobs", reply(JobList(job_executions=[])))
    filters = {"status": "failed", "project": "p&q", "pipeline": "b", "agent": "a", "run": "r", "cursor": "c"}
    client.list_jobs()
    client.list_jobs(max_jobs=9, status="failed", project="p&q", pipeline="b", agent="a", run="r", cursor="c")
    client.list_jobs(status=("failed", "queued"), split_runs=True)
    several = {"max": "150", "status": "failed,queued", "split_runs": "true"}
    assert [seen.query for seen in server.seen] == [{"max": "150"}, {"max": "9", **filters}, several]


def test_filters_of_runs(client: Client, server: AnsweringServer) -> None:
    server.on("GET /api/v1/runs", reply(RUNS))
    client.list_runs()
    client.list_runs(status=["failed", "queued"], branch="main", since=NOW, limit=9, cursor="41")
    wanted = {"limit": "9", "status": "failed,queued", "branch": "main", "since": NOW.isoformat(), "cursor": "41"}
    assert [seen.query for seen in server.seen] == [{"limit": "50"}, wanted]


@pytest.mark.parametrize(
    ("request_line", "body", "call", "result"),
    [
        pytest.param(
            f"GET {OF_JOB}/artifacts", b'{"artifacts":null}', lambda c: c.list_artifacts("job-1"), [], id="artifacts"
        ),
        pytest.param(
            f"POST {OF_JOB}/artifacts/upload-zip",
            b'{"artifacts":null}',
            lambda c: c.upload_artifacts_zip("job-1", "a", io.BytesIO()),
            [],
            id="empty-upload",
        ),
        pytest.param(
            "POST /api/v1/heartbeat",
            b'{"accepted":true,"message":null,"cancel_job_ids":null,"unknown":1}',
            lambda c: c.heartbeat(HeartbeatRequest()),
            BEAT,
            id="heartbeat",
        ),
        pytest.param(
            "POST /api/v1/agent/lease",
            b'{"assigned":false,"job_execution":null}',
            lambda c: c.lease(LeaseRequest()),
            LeaseResponse(assigned=False),
            id="lease",
        ),
    ],
)
def test_nulls_mean_absent(
    client: Client, server: AnsweringServer, request_line: str, body: bytes, call: Call, result: object
) -> None:
    server.on(request_line, reply(body))
    assert call(client) == result


def test_state_is_asked_for_as_such(client: Client, server: AnsweringServer) -> None:
    server.on(f"GET {OF_JOB}", reply(JobStateResponse(job_execution=STATE)))
    client.get_job_state("job-1")
    assert server.seen[0].query == {"view": "state"}


def test_state_comes_out_of_a_whole_execution(client: Client, server: AnsweringServer) -> None:
    server.on(f"GET {OF_JOB}", reply(JobResponse(job_execution=JOB)))
    assert client.get_job_state("job-1") == STATE


def test_state_out_of_something_else_is_unexpected(client: Client, server: AnsweringServer) -> None:
    server.on(f"GET {OF_JOB}", marked(reply(b'{"job_execution":{"id":"job-1"}}')))
    with pytest.raises(UnexpectedAnswer, match="32 bytes of application/json"):
        client.get_job_state("job-1")


@pytest.mark.parametrize(("minimal", "preference"), [(False, None), (True, "return=minimal")])
def test_report_says_whether_a_short_answer_will_do(
    client: Client, server: AnsweringServer, minimal: bool, preference: str | None
) -> None:
    server.on(f"POST {OF_JOB}/status", reply(JobResponse(job_execution=JOB)))
    assert client.report_status("job-1", StatusRequest(), minimal=minimal) == STATE
    assert server.seen[0].headers.get("prefer") == preference


def test_report_about_an_unknown_job_is_not_found(client: Client, server: AnsweringServer) -> None:
    server.on(f"POST {OF_JOB}/status", refusal(400, "job not found"))
    with pytest.raises(NotFound):
        client.report_status("job-1", StatusRequest())


def test_piece_of_a_log(client: Client, server: AnsweringServer) -> None:
    server.on(f"GET {OF_JOB}/log", Reply((b"lo\n",), headers={"X-Log-Size": "9", "X-Log-Complete": "true"}))
    assert client.read_log("job-1", offset=3, limit=4) == LogChunk(data=b"lo\n", offset=3, size=9, complete=True)
    assert server.seen[0].query == {"offset": "3", "limit": "4"}


def test_piece_of_a_log_without_its_size_is_unexpected(client: Client, server: AnsweringServer) -> None:
    server.on(f"GET {OF_JOB}/log", marked(Reply((b"lo",))))
    with pytest.raises(UnexpectedAnswer, match="no X-Log-Size"):
        client.read_log("job-1")


@pytest.mark.parametrize("path", ["/api/v1/jobs", "api/v1/jobs", "{url}/api/v1/jobs"])
def test_any_request_can_be_sent(client: Client, server: AnsweringServer, path: str) -> None:
    server.on("PATCH /api/v1/jobs", reply(b"[1]", status=202, X_Thing="yes"))
    answer = client.request("patch", path.format(url=server.url), json_body=b"{}", params={"max": 2})
    assert (answer.status, answer.headers["x-thing"], answer.body) == (202, "yes", b"[1]")
    assert (server.seen[0].body, server.seen[0].query) == (b"{}", {"max": "2"})
    assert server.seen[0].headers["content-type"] == "application/json"


def test_the_answer_to_any_request_can_be_read_as_it_comes(client: Client, server: AnsweringServer) -> None:
    server.on("GET /api/v1/events", Reply((b"one\n", b"two\n"), kind="text/event-stream"))
    with client.stream_request("GET", "/api/v1/events") as (head, blocks):
        assert (head.status, head.body, head.headers["content-type"]) == (200, b"", "text/event-stream")
        assert b"".join(blocks) == b"one\ntwo\n"


def test_an_answer_that_breaks_off_is_unreachable(client: Client, server: AnsweringServer) -> None:
    server.on("GET /api/v1/events", Reply((b"one\n", drop)))
    with pytest.raises(Unreachable), client.stream_request("GET", "/api/v1/events") as (_, blocks):
        list(blocks)


def test_any_request_raises_what_the_others_raise(client: Client, server: AnsweringServer) -> None:
    server.on("GET /api/v1/things", problem(409, Code.CONFLICT, "no"))
    with pytest.raises(Conflict):
        client.request("GET", "/api/v1/things")
