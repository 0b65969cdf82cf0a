from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cictl_testing.servers.answers import AnsweringServer, reply
from cictl_testing.servers.samples import (
    ACTION,
    AGENT,
    BEAT,
    BEGUN,
    BLOCKED,
    CHECKED,
    DETAIL,
    ELIGIBLE,
    EXPLANATION,
    FILE,
    FORGE,
    GOING,
    HEALTH,
    HITS,
    HOOK,
    HOOK_SECRET,
    IMPORTED,
    INFO,
    JOB,
    KEPT,
    LEASED,
    LINES,
    LOOKED,
    ME,
    NEW_TOKEN,
    NOTIFICATION_TESTS,
    NOTIFICATIONS,
    OF_JOB,
    PAUSED,
    PIN,
    PREVIEW,
    PROJECT,
    QUEUED,
    RAN,
    REFS,
    REMOVED,
    REPORT,
    RERUN,
    RERUN_OF_RUN,
    RESTARTING,
    ROTATED,
    RUN,
    RUNS,
    RUNTIME,
    SCHEDULE,
    SCHEDULES,
    SECRET,
    SERVERS,
    SETTINGS,
    STATE,
    SUMMARY,
    TAGS,
    TESTED,
    TESTS,
    TOKEN,
    UNSET,
    UPDATED,
    VAULT,
    WORKTREE,
)

from cictl.wire.admin.access import (
    EnrollRequest,
    EnrolmentRequest,
    TokenList,
    TokenRequest,
)
from cictl.wire.admin.retention import RetentionChange
from cictl.wire.admin.secrets import SecretList, SecretRequest, SecretResponse
from cictl.wire.admin.server import Health
from cictl.wire.admin.updates import (
    ServerUpdates,
    UpdateRequest,
    UpdateStatus,
)
from cictl.wire.admin.vault import (
    VaultConnectionList,
    VaultConnectionRequest,
    VaultConnectionResponse,
    VaultTestRequest,
)
from cictl.wire.agents import (
    AgentActionRequest,
    AgentList,
    AgentResponse,
    HeartbeatRequest,
    LeaseRequest,
    ReportAnswer,
    StatusRequest,
)
from cictl.wire.codec import encode
from cictl.wire.forges import ForgeRequest, ForgeTest
from cictl.wire.jobs import (
    JobResponse,
    JobStateResponse,
    JobSteps,
)
from cictl.wire.projects import (
    ImportRequest,
    PreviewRequest,
    ProjectList,
    ProjectResponse,
    RunRequest,
)
from cictl.wire.results.artifacts import ArtifactData, ArtifactList, ArtifactUpload
from cictl.wire.results.reports import TestReportResponse, TestReportUpload
from cictl.wire.waiting.queue import ClearedQueue, FlushedHistory, JobList, QueueState
from cictl_client import Client

Call = Callable[[Client], Any]


def case(name: str, request: str, answer: object, call: Call, result: object, body: object = None) -> Any:
    return pytest.param(request, answer, call, result, body, id=name)


CASES = [
    case("health", "GET /healthz", HEALTH, Client.health, HEALTH),
    case("server_info", "GET /api/v1/server-info", INFO, Client.server_info, INFO),
    case(
        "upload_worktree",
        "POST /api/v1/projects/3/worktrees",
        WORKTREE,
        lambda c: c.upload_worktree(3, io.BytesIO(b"bundle")),
        WORKTREE,
        b"bundle",
    ),
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
    case("get_project_hook", "GET /api/v1/projects/3/hook", HOOK, lambda c: c.get_project_hook(3), HOOK),
    case(
        "rotate_project_hook",
        "POST /api/v1/projects/3/hook/rotate",
        HOOK_SECRET,
        lambda c: c.rotate_project_hook(3),
        HOOK_SECRET,
        b"{}",
    ),
    case("check_project", "POST /api/v1/projects/3/check", LOOKED, lambda c: c.check_project(3), LOOKED, b"{}"),
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
    case(
        "read_log_lines",
        f"GET {OF_JOB}/log/lines",
        LINES,
        lambda c: c.read_log_lines("job-1", first=8, count=2),
        LINES,
    ),
    case(
        "search_log",
        f"GET {OF_JOB}/log/search",
        HITS,
        lambda c: c.search_log("job-1", "words", offset=9, max_hits=7),
        HITS,
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
    case("get_forge", "GET /api/v1/projects/3/forge", FORGE, lambda c: c.get_forge(3), FORGE),
    case(
        "set_forge",
        "POST /api/v1/projects/3/forge",
        FORGE,
        lambda c: c.set_forge(3, ForgeRequest(kind="github", api="https://api.github.com", token="t")),
        FORGE,
        ForgeRequest(kind="github", api="https://api.github.com", token="t"),
    ),
    case(
        "test_forge",
        "POST /api/v1/projects/3/forge/test",
        ForgeTest(ok=True, detail="good"),
        lambda c: c.test_forge(3),
        ForgeTest(ok=True, detail="good"),
        b"{}",
    ),
    case("remove_forge", "DELETE /api/v1/projects/3/forge", None, lambda c: c.remove_forge(3), None),
    case("list_schedules", "GET /api/v1/schedules", SCHEDULES, Client.list_schedules, SCHEDULES),
    case(
        "pause_schedule",
        "POST /api/v1/pipelines/7/schedules/2/pause",
        SCHEDULE,
        lambda c: c.pause_schedule(7, 2, reason="moving"),
        SCHEDULE,
        b'{"reason":"moving"}\n',
    ),
    case(
        "resume_schedule",
        "POST /api/v1/pipelines/7/schedules/2/resume",
        SCHEDULE,
        lambda c: c.resume_schedule(7, 2),
        SCHEDULE,
        b"{}",
    ),
    case(
        "run_schedule",
        "POST /api/v1/pipelines/7/schedules/2/run",
        RAN,
        lambda c: c.run_schedule(7, 2),
        RAN,
        b"{}",
    ),
    case(
        "list_notifications",
        "GET /api/v1/notifications",
        NOTIFICATIONS,
        lambda c: c.list_notifications(state="waiting"),
        NOTIFICATIONS,
    ),
    case(
        "test_notifications",
        "POST /api/v1/projects/1/notifications/test",
        NOTIFICATION_TESTS,
        lambda c: c.test_notifications(1),
        NOTIFICATION_TESTS.results,
        b"{}",
    ),
    case("list_runs", "GET /api/v1/runs", RUNS, Client.list_runs, RUNS),
    case("get_run", "GET /api/v1/runs/41", RUN, lambda c: c.get_run("41"), RUN),
    case("summarize_run", "GET /api/v1/runs/41/summary", SUMMARY, lambda c: c.summarize_run("41"), SUMMARY),
    case("cancel_run", "POST /api/v1/runs/41/cancel", RUN, lambda c: c.cancel_run("41"), RUN, b"{}"),
    case(
        "approve_run",
        "POST /api/v1/runs/41/approve",
        RUN,
        lambda c: c.approve_run("41", job="ship", reason="good"),
        RUN,
        b'{"job":"ship","reason":"good"}\n',
    ),
    case(
        "reject_run",
        "POST /api/v1/runs/41/reject",
        RUN,
        lambda c: c.reject_run("41", reason="bad"),
        RUN,
        b'{"reason":"bad"}\n',
    ),
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
        "report_and_lease",
        f"POST {OF_JOB}/status",
        ReportAnswer(job_execution=STATE, lease=LEASED),
        lambda c: c.report_and_lease("job-1", StatusRequest(status="failed", next_lease=LeaseRequest(agent_id="a"))),
        ReportAnswer(job_execution=STATE, lease=LEASED),
        StatusRequest(status="failed", next_lease=LeaseRequest(agent_id="a")),
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
    "base_url", "close", "download_all", "download_artifact", "events", "fetch_artifact", "fetch_worktree", "follow_audit", "follow_log", "list_audit", "get_project_icon", "read_log", "request", "resolve_version",
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
