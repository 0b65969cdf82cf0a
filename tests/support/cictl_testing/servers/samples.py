"""What a server answers: one of each kind, as the client gives it."""

from __future__ import annotations

from datetime import UTC, datetime

from cictl.wire.admin.access import (
    NewToken,
    Role,
    Token,
    WhoAmI,
)
from cictl.wire.admin.retention import RetentionCounts, RetentionPolicies, RetentionPolicy, RunPin
from cictl.wire.admin.secrets import DeletedSecret, RotatedKey, Secret
from cictl.wire.admin.server import Health, RuntimeState, ServerInfo, ServerInstance, ServerList
from cictl.wire.admin.updates import (
    Restarting,
    UpdateAnswer,
    UpdateCheck,
    UpdateTags,
)
from cictl.wire.admin.vault import (
    DeletedVaultConnection,
    VaultConnection,
    VaultTestResponse,
)
from cictl.wire.agents import (
    Agent,
    AgentActionResponse,
    HeartbeatResponse,
    LeaseResponse,
    QueuedScript,
)
from cictl.wire.forges import Forge, ForgeKind
from cictl.wire.insight import Insight
from cictl.wire.jobs import (
    BlockedBy,
    Dependency,
    JobExecution,
    JobState,
    JobStatus,
    LoggedStep,
    RerunResponse,
)
from cictl.wire.notifications import NotificationList, NotificationTest, NotificationTests
from cictl.wire.projects import (
    EligibleAgents,
    ImportResponse,
    JobTokens,
    PendingJob,
    PreviewResponse,
    ProjectDetail,
    ProjectSettings,
    ProjectSummary,
    RunResponse,
    SourceRef,
    SourceRefs,
    Worktree,
)
from cictl.wire.results.artifacts import Artifact
from cictl.wire.results.log_lines import LogHit, LogHits, LogLine, LogLines
from cictl.wire.results.reports import TestReport
from cictl.wire.results.tests import TestList
from cictl.wire.runs import Run, RunCounts, RunList, RunRerunResponse, RunStatus, RunSummary
from cictl.wire.schedules import Schedule, ScheduleList
from cictl.wire.triggers import HookSecret, ProjectCheck, ProjectHook
from cictl.wire.waiting.explain import Explanation, Reason
from cictl.wire.waiting.queue import QueuePause, QueueState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINES = LogLines(
    first=8,
    offset=60,
    next_offset=70,
    lines=[LogLine(text="eight"), LogLine(text="nine")],
    total=9,
    size=70,
    complete=True,
)
HITS = LogHits(hits=[LogHit(line=8, text="two words")], size=90, complete=False, next_offset=70)
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
HOOK = ProjectHook(url="https://ci.example.test/api/v1/hooks/3", has_secret=True)
HOOK_SECRET = HookSecret(url=HOOK.url, secret="s", standard_webhooks_key="whsec_cw==")
LOOKED = ProjectCheck(project="shop", looked_utc=NOW)
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
SCHEDULE = Schedule(
    name="shop/build#2",
    project="shop",
    project_id=3,
    pipeline="build",
    pipeline_db_id=7,
    number=2,
    cron="@daily",
    next_utc=[datetime(2026, 3, 2, tzinfo=UTC)],
    paused=False,
)
FORGE = Forge(kind=ForgeKind.GITHUB, api="https://api.github.com", repository="tea/shop", waiting=0)
SCHEDULES = ScheduleList(schedules=[SCHEDULE])
NOTIFICATIONS = NotificationList(notifications=[], next_cursor="7")
NOTIFICATION_TESTS = NotificationTests(results=[NotificationTest(target="command mail", delivered=True)])
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
INSIGHT = Insight(pipelines=[], branches=[], is_all=True, load=[], is_all_load=False)
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


RESTARTING = Restarting(restarting=True, message="at once")
CHECKED = UpdateCheck(current_version="v1", update_available=True, latest_version="v2")
UPDATED = UpdateAnswer(updated=True, message="staged", target="v2", target_version="v2")
TAGS = UpdateTags(tags=["v2", "v1"], current_version="v1")
WORKTREE = Worktree(worktree="run-7", commit="0123456789abcdef0123456789abcdef01234567")
