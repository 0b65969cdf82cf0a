"""Projects, pipelines and chains on the wire."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from cictl.base.job_parts import ApprovalSpec, CacheSpec, ConcurrencySpec, RetrySpec
from cictl.wire.codec import Message
from cictl.wire.jobs import Step
from cictl.wire.waiting.explain import Reason


class PipelineSummary(Message):
    id: int
    pipeline_id: str
    trigger: str = ""
    depends_on: list[str] = msgspec.field(default_factory=list)
    source_repo: str = ""
    source_ref: str = ""
    supports_dry_run: bool = False


class ChainSummary(Message):
    id: int
    chain_id: str
    pipelines: list[str]
    supports_dry_run: bool = False
    version_pipeline_id: int = 0


class JobTokens(StrEnum):
    """What the tokens of a project's jobs may do beside reading their run and sending their files (ours)."""

    NONE = "none"
    START = "start"
    """Start pipelines and chains of the same project."""


AS_SERVER = -1
"""As a project's `poll_seconds`: those of the server."""


class ProjectSummary(Message):
    """One project in the list. `config_path`, `<url>@<ref>:<file>`, identifies it.

    Attributes:
        follows_default: `repo_ref` is the remote's default branch, whatever it is called (ours).
    """

    id: int
    name: str
    config_path: str
    updated_utc: datetime
    pipelines: list[PipelineSummary]
    repo_url: str = ""
    repo_ref: str = ""
    config_file: str = ""
    loaded_commit: str = ""
    pipeline_chains: list[ChainSummary] = msgspec.field(default_factory=list)
    follows_default: bool = False


class ProjectList(Message):
    projects: list[ProjectSummary]


class VersioningDetail(Message):
    file: str = ""
    tag_prefix: str = ""
    auto_bump: str = ""


class StepDetail(Message):
    """A step of a definition.

    Attributes:
        type: run or test.
        name: What its author calls it (ours).
        if: The condition on which it runs; in Python `condition` (ours).
    """

    type: str
    name: str = ""
    condition: str = msgspec.field(default="", name="if")
    run: str = ""
    test_name: str = ""
    test_command: str = ""
    test_format: str = ""
    test_report: str = ""
    coverage_format: str = ""
    coverage_report: str = ""
    skip_dry_run: bool = False
    env: dict[str, str] = msgspec.field(default_factory=dict)


class MatrixInclude(Message):
    index: int
    vars: dict[str, str] | None
    name: str = ""


class JobDetail(Message):
    """A job of a definition.

    Attributes:
        if: The condition on which it runs; in Python `condition` (ours).
        allow_failure: What needs it runs also if it fails (ours).
        priority: -100 to 100; absent for the pipeline's (ours).
        retry, approval: Absent if it asks for none (ours).
        concurrency, locks: Its group and its locks, with templates as in its file; absent without any (ours).
    """

    id: str
    timeout_seconds: int
    needs: list[str] = msgspec.field(default_factory=list)
    runs_on: dict[str, str] = msgspec.field(default_factory=dict)
    requires_tools: dict[str, str] = msgspec.field(default_factory=dict)
    artifacts: list[str] = msgspec.field(default_factory=list)
    caches: list[CacheSpec] = msgspec.field(default_factory=list)
    steps: list[StepDetail] = msgspec.field(default_factory=list)
    matrix_includes: list[MatrixInclude] = msgspec.field(default_factory=list)
    condition: str = msgspec.field(default="", name="if")
    allow_failure: bool = False
    priority: int | None = None
    retry: RetrySpec | None = None
    approval: ApprovalSpec | None = None
    concurrency: ConcurrencySpec | None = None
    locks: list[str] = msgspec.field(default_factory=list)


class InputDetail(Message):
    """An input of a pipeline.

    Attributes:
        type: `text`, `choice`, `number` or `boolean`.
        default: Its value when a run is given none; absent if it has no default.
    """

    name: str
    type: str
    options: list[str] = msgspec.field(default_factory=list)
    default: str | None = None
    required: bool = False
    description: str = ""


class PipelineDetail(Message):
    """A pipeline with its jobs.

    Attributes:
        inputs: What a run of it may be given (ours).
        priority: That of its jobs which state none (ours).
        concurrency: The group of its runs, with templates as in its file; absent without one (ours).
    """

    id: int
    pipeline_id: str
    versioning: VersioningDetail
    jobs: list[JobDetail]
    trigger: str = ""
    depends_on: list[str] = msgspec.field(default_factory=list)
    source_repo: str = ""
    source_ref: str = ""
    inputs: list[InputDetail] = msgspec.field(default_factory=list)
    priority: int = 0
    concurrency: ConcurrencySpec | None = None


class ProjectDetail(Message):
    """One project with its definitions. Jobs are in the order of the file.

    Attributes:
        follows_default: `repo_ref` is the remote's default branch, whatever it is called (ours).
        job_tokens: What the tokens of its jobs may do; absent while that is nothing (ours).
        poll_seconds: How often its repository is looked at, 0 for never; absent for what the server says (ours).
        last_look_utc: When the repository was last looked at for new commits; absent before that (ours).
        next_look_utc: When it will be by itself; absent where it is not (ours).
        last_hook_utc: When its last webhook came; absent if none has (ours).
        look_error: Why the last look failed; absent if it did not (ours).
        public_badges: Everybody may see how its pipelines stand; absent while not (ours).
    """

    id: int
    name: str
    updated_utc: datetime
    repo_url: str = ""
    repo_ref: str = ""
    config_file: str = ""
    loaded_commit: str = ""
    pipelines: list[PipelineDetail] = msgspec.field(default_factory=list)
    pipeline_chains: list[ChainSummary] = msgspec.field(default_factory=list)
    follows_default: bool = False
    job_tokens: JobTokens = JobTokens.NONE
    poll_seconds: int = AS_SERVER
    last_look_utc: datetime | None = None
    next_look_utc: datetime | None = None
    last_hook_utc: datetime | None = None
    look_error: str = ""
    public_badges: bool = False


class ProjectResponse(Message):
    project: ProjectDetail


class ProjectSettings(Message):
    """`POST projects/{id}/settings`: what is decided about a project on the server, and not in its file (ours).

    Attributes:
        job_tokens: One of `JobTokens`; absent in a request to leave it as it is.
        poll_seconds: How often its repository is looked at: 0 for never, -1 for what the server says, which an answer leaves out.
        public_badges: Whether badges want no token; absent in a request to leave it as it is, and in an answer while they do.
    """

    job_tokens: str | None = None
    poll_seconds: int | None = None
    public_badges: bool | None = None


class ImportRequest(Message):
    """`projects/import`.

    Attributes:
        repo_ref: Branch, tag or commit; empty follows the remote's default branch.
        name: A name for the project instead of the file's, which later imports and reloads keep (ours).
        replace_id: The project that this repository takes over, with its history (ours).
        refuses_taken_name: Answer 409 if a project of another repository has the name already (ours).
    """

    repo_url: str = ""
    repo_ref: str = ""
    config_file: str = ""
    name: str = ""
    replace_id: int = 0
    refuses_taken_name: bool = False


class ImportResponse(Message):
    """The answer to an import or a reload. `project_id` is ours."""

    project_name: str
    repo_url: str
    config_file: str
    pipelines: int
    repo_ref: str = ""
    project_id: int = 0


OFFLINE_CACHED = "offline_cached"
"""The execution mode of a run that takes version and commit from an earlier run. The server contacts no remote."""


class Needs(StrEnum):
    """What becomes of jobs that a selected job needs and that are not selected themselves (ours)."""

    REFUSE = ""
    """The contract's: the request is refused."""
    ADD = "add"
    """They run too, with all their matrix rows, and what they need in turn."""
    DROP = "drop"
    """They don't run, and nothing waits for them."""


class RunRequest(Message):
    """`run-selection` and chain run: which jobs to run, on which agent, from which source.

    Attributes:
        pipeline_job_id: The one job to run; empty means all.
        matrix_index: Row of the job's matrix, from 0.
        dry_run: Skip the steps marked `skip_dry_run`.
        source_ref: Branch, tag or commit instead of the pipeline's own.
        agent_id: Pin every job to this agent.
        execution_mode: `offline_cached`, or empty.
        needs: What becomes of jobs that are needed and not selected (ours).
        inputs: Values of the pipeline's inputs, by name (ours).
        priority: -100 to 100, of all its jobs; absent for those of the project file (ours).
        worktree: Id of a working tree that was sent to the project, to be built as its own project file says (ours). Each is
            for one run of one pipeline.
    """

    pipeline_job_id: str = ""
    matrix_name: str = ""
    matrix_index: int | None = None
    dry_run: bool = False
    source_ref: str = ""
    agent_id: str = ""
    execution_mode: str = ""
    needs: Needs = Needs.REFUSE
    inputs: dict[str, str] = msgspec.field(default_factory=dict)
    priority: int | None = None
    worktree: str = ""


class Worktree(Message):
    """The answer to a working tree that was sent. `commit` is the one that its bundle has as HEAD."""

    worktree: str
    commit: str


class SkippedJob(Message):
    """A job, or one row of its matrix, that a run leaves out because its condition is false.

    Attributes:
        if: The condition as its file has it; in Python `condition`.
    """

    job_execution_id: str
    pipeline_id: str
    pipeline_job_id: str
    condition: str = msgspec.field(name="if")
    matrix_name: str = ""


class RunResponse(Message):
    """The executions that were enqueued, in the order of their creation.

    Attributes:
        pipeline_run_id: Id of the pipeline run or the chain run (ours).
        run_number: Number of that run, by which people name it (ours).
        warnings: What is to be known of the run's source, such as the commit that it takes from what it depends on (ours).
        skipped: What it leaves out; these executions are over, and not among `job_execution_ids` (ours).
    """

    project_name: str
    pipeline_id: str
    enqueued: int
    job_execution_ids: list[str]
    pipeline_run_id: str = ""
    warnings: list[str] = msgspec.field(default_factory=list)
    run_number: int = 0
    skipped: list[SkippedJob] = msgspec.field(default_factory=list)


class PreviewRequest(Message):
    """`dry-run-preview`: which jobs of a dry run to show. The keys mean the same as in `RunRequest`.

    Attributes:
        offline_cached_only: Take version and commit from an earlier run, and contact no remote.
    """

    pipeline_job_id: str = ""
    matrix_name: str = ""
    matrix_index: int | None = None
    source_ref: str = ""
    agent_id: str = ""
    offline_cached_only: bool = False
    needs: Needs = Needs.REFUSE
    inputs: dict[str, str] = msgspec.field(default_factory=dict)


class PreviewStep(Step):
    """A step of a preview. `kind` is run, test or dryrun_skip, never empty."""

    skip_dry_run: bool = False


class PlannedRule(Message):
    """A rule that an execution would meet.

    Attributes:
        rule: What kind of rule it is, as in an explanation.
        text: What it says, and who has now what the execution would wait for.
        holds: Whether the execution would wait for it, if all that it needs were over.
    """

    rule: Reason
    text: str
    holds: bool


class PendingJob(Message):
    """One execution that a run would enqueue.

    Attributes:
        dependency_blocked: It would wait for other executions.
        missing_needs: Needs that the selection leaves out (ours). The server refuses such a run.
        eligible_agent_ids: The agents that could take it (ours). Absent where the server does not tell.
        unmet_requirements: Why no agent could take it, as in a queued `JobExecution` (ours).
        if: Its condition; in Python `condition` (ours).
        skipped: The run would leave it out, because the condition is false (ours).
        priority: Of what waits, the highest is given out first (ours).
        rules: The approval, the concurrency groups and the locks that it asks for, and what holds its queue back now (ours).
    """

    pipeline_job_id: str
    step_count: int
    matrix_name: str = ""
    required_capabilities: dict[str, str] = msgspec.field(default_factory=dict)
    source_repo: str = ""
    source_ref: str = ""
    step_plan: list[PreviewStep] = msgspec.field(default_factory=list)
    artifact_globs: list[str] = msgspec.field(default_factory=list)
    dependency_blocked: bool = False
    pipeline_id: str = ""
    missing_needs: list[str] = msgspec.field(default_factory=list)
    eligible_agent_ids: list[str] | None = None
    unmet_requirements: list[str] = msgspec.field(default_factory=list)
    condition: str = msgspec.field(default="", name="if")
    skipped: bool = False
    priority: int = 0
    rules: list[PlannedRule] = msgspec.field(default_factory=list)


class PreviewResponse(Message):
    """What a run would enqueue. `eligible_agent_ids` is null when there is nothing to execute.

    Attributes:
        mode: `normal`, or `degraded_offline`.
        cache_source: `dependency` or `pipeline_history`; empty unless `cache_used`.
        version: The version that the run would build (ours).
    """

    mode: str
    offline_cached_only: bool
    cache_used: bool
    pipeline_id: str
    pending_jobs: list[PendingJob]
    eligible_agent_ids: list[str] | None
    cache_source: str = ""
    warnings: list[str] = msgspec.field(default_factory=list)
    version: str = ""


class EligibleAgents(Message):
    """The agents that could take every execution of a run; null when there is none."""

    eligible_agent_ids: list[str] | None
    pending_jobs: int


class SourceRef(Message):
    name: str
    ref: str


class SourceRefs(Message):
    """The branches that a run can be made from, sorted by name."""

    source_repo: str
    refs: list[SourceRef]
    default_ref: str = ""


class VersionStep(Message):
    """One event of `version-resolve`. `status` is running, ok or error. The last event has the `step` done."""

    step: str
    status: str
    message: str


class VersionResolved(Message):
    """The last event when the version was resolved. Unknown values are empty."""

    step: str
    status: str
    message: str
    pipeline_version: str
    pipeline_version_raw: str
    source_ref_resolved: str
    version_file: str
    tag_prefix: str
    auto_bump: str


class InspectRequest(Message):
    """`projects/{id}/inspect`: which pipeline to show, and which view of it.

    Attributes:
        matrix_index: Row of the matrix of `pipeline_job_id`, from 0.
        test_secrets: With the view `secret_mappings`, try to read each secret from Vault. Values are never shown.
        view: `raw_yaml`, `executor_script` or `secret_mappings`; empty means `raw_yaml`.
    """

    pipeline_db_id: int = 0
    pipeline_job_id: str = ""
    matrix_index: int | None = None
    dry_run: bool = False
    test_secrets: bool = False
    view: str = ""


class InspectResponse(Message):
    """A view as text to show."""

    view: str
    content: str
    title: str = ""
