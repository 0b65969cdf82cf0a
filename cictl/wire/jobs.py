"""Job executions on the wire: what they are to do, their steps, and how they are. Lists of them are in `queue`, leases and reports in `agents`."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from cictl.base.job_parts import (
    ApprovalSpec,
    ArtifactSpec,
    CacheSpec,
    ConcurrencySpec,
    Decision,
    RetrySpec,
    SecretRef,
    ServiceSpec,
)
from cictl.wire.codec import Item, Message
from cictl.wire.metadata import JobMetadata
from cictl.wire.words import CONTROL

CANCELLED_BY_USER = "cancelled by user"
"""The `error` of a cancelled execution: by `cancel`, or because its agent was deactivated."""

CANCEL_LINE = f"{CONTROL}job cancelled by user"
"""The last line of the log of a cancelled execution."""

MOST_WARNINGS = 20
LONGEST_WARNING = 500
"""How many warnings of an execution are kept, and how many characters of each."""

LONGEST_OUTPUT = 64 << 10
MOST_OUTPUT_BYTES = 512 << 10
"""How many bytes one output of an execution has at most, and all of them."""

MOST_CACHE_STATS = 100
"""Of how many caches of an execution the server keeps what its agent reports."""


class JobStatus(StrEnum):
    """The five states of a job execution. The last two are final."""

    QUEUED = "queued"
    LEASED = "leased"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def is_terminal(self) -> bool:
        return self in (JobStatus.SUCCEEDED, JobStatus.FAILED)

    @property
    def is_active(self) -> bool:
        """Whether an agent holds the execution."""
        return self in (JobStatus.LEASED, JobStatus.RUNNING)


class Cause(StrEnum):
    """Why an execution failed, as a word for programs. `error` says it in a sentence."""

    STEP_FAILED = "step_failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    AGENT_LOST = "agent_lost"
    START_FAILED = "start_failed"
    """Its agent could not do its own part before the first step."""
    DEPENDENCY_FAILED = "dependency_failed"
    SUPERSEDED = "superseded"
    """A newer run of its concurrency group replaced it."""
    SECRETS_MISSING = "secrets_missing"
    NOT_APPROVED = "not_approved"


CANCELLATIONS = frozenset({Cause.CANCELLED, Cause.SUPERSEDED})
"""The causes of those that somebody or a newer run ended."""


def is_cancellation(cause: Cause | None, error: str) -> bool:
    """Tell whether an execution was cancelled. A reference server sends no cause; then the constant error tells."""
    return cause in CANCELLATIONS or (cause is None and error == CANCELLED_BY_USER)


TEST_STEP = "test"
"""The kind of a step that leaves a report."""

SKIPPED_STEP = "dryrun_skip"
"""The kind of a step that a dry run skips."""

_NUMBERED = re.compile(r"step[ _]\d+")
"""The name that the plan gives a step whose author gave it none."""


class Step(Message):
    """One entry of an execution's step plan.

    Attributes:
        index: Position in the plan, from 1.
        total: Number of steps in the plan; 0 when unknown.
        kind: Empty for a plain step, `test`, or `dryrun_skip`.
        script: Shell text; empty for a skipped step.
        timeout_seconds: Limit from its start to its end; 0 means none but the job's (ours).
        working_directory: Path below the checkout; empty for the job's (ours).
        continue_on_error: Whether the job goes on, with a warning, when the step fails (ours).
        if: Whether the step runs, in the language of `cictl.expressions`; in Python `condition`. The plan has put in the
            values of all names that it knows. Empty means `success()` (ours).
        written_if: The condition as its file has it, where the plan has left something else of it (ours).
        shell: `posix`, `bash`, `cmd` or `powershell`; empty for the job's (ours).
    """

    index: int = msgspec.field(default_factory=int)  # always sent, may be missing in an event
    total: int = 0
    name: str = ""
    script: str = ""
    kind: str = ""
    env: dict[str, str] = msgspec.field(default_factory=dict)
    vault_connection: str = ""
    vault_secrets: list[SecretRef] = msgspec.field(default_factory=list)
    test_name: str = ""
    test_format: str = ""
    test_report: str = ""
    coverage_format: str = ""
    coverage_report: str = ""
    timeout_seconds: int = 0
    working_directory: str = ""
    continue_on_error: bool = False
    condition: str = msgspec.field(default="", name="if")
    written_if: str = ""
    shell: str = ""

    @property
    def is_test(self) -> bool:
        return self.kind == TEST_STEP

    @property
    def is_skipped(self) -> bool:
        return self.kind == SKIPPED_STEP

    @property
    def title(self) -> str:
        """What people call the step: the name that its author gave it or its test, else the first line of its command."""
        is_made_up = bool(_NUMBERED.fullmatch(self.name)) or (self.is_test and self.name == f"test {self.test_name}")
        given = "" if is_made_up else self.name
        text = given or (self.is_test and self.test_name) or self.script.strip() or self.name
        return text.strip().partition("\n")[0].rstrip()


class CacheStat(Item):
    """One cache of a job: what the agent found before the job, and how large it is after it, in bytes.

    Attributes:
        source: `hit`, `miss`, `partial` for the content of a fallback key (ours), or `fallback` for a directory of this job
            alone, because of `error`.
        incomplete: The files were too many to count in time; there are more than the numbers say (ours).
    """

    id: str = msgspec.field(default_factory=str)  # always sent, may be missing in a report
    env: str = ""
    type: str = ""
    path: str = ""
    source: str = ""
    size_bytes: int = 0
    files: int = 0
    directories: int = 0
    tool_metrics: dict[str, str] = msgspec.field(default_factory=dict)
    error: str = ""
    incomplete: bool = False


class Source(Message):
    """What to check out. Agents of the reference know the first two keys, and go on without the others, which are ours.

    Attributes:
        repo: A git URL.
        ref: A branch, tag or commit; empty for the remote's default branch.
        depth: How many commits of the history to fetch; 0 for all of it, of all branches.
        tags: All tags, or none; null for those that the fetched commits have.
        submodules: Empty for none, `true` for those of the repository itself, `recursive` for those of submodules too.
        lfs: Fetch what is kept by Git LFS.
        path: Folder below the directory of the job, into which it is checked out; empty for that directory itself.
        worktree: Id of a working tree that somebody sent, which is checked out instead of what `repo` has; empty for none.
    """

    repo: str
    ref: str = ""
    depth: int = 1
    tags: bool | None = None
    submodules: str = ""
    lfs: bool = False
    path: str = ""
    worktree: str = ""


class TestSummary(Message):
    """Counts of a stored test report."""

    __test__ = False  # pytest must not collect it

    total: int
    passed: int
    failed: int
    skipped: int


class JobSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a job is to do, as planned. The plan, the stored record, a rerun and the agent all use this type.

    Attributes:
        timeout_seconds: Limit from start to end; 0 means none.
        env: The environment of every step. A step's own wins over it.
        artifact_globs: Patterns of files that are kept, whatever the end of the job.
        metadata: Texts by the keys of `JobMetadata`.
        working_directory: Path below the checkout in which the steps run; empty for the checkout itself (ours).
        shell: The shell inside the container of the job, `bash`; empty for its `sh`. On the agent's own system the shell is
            that of `required_capabilities`, else the agent's first (ours).
        services: Containers that run beside the steps (ours).
        artifacts: Files that are kept under conditions, beside `artifact_globs` (ours).
        inputs: What whoever started the run said, and the defaults of what was left open, by name (ours).
        if: The condition as its file has it; in Python `condition` (ours).
        open_condition: What is left of it to decide when all needs are over; empty for `success()` (ours).
        skipped: The condition is false: it is over without having run, and counts as a success (ours).
        allow_failure: What needs it runs also if it fails, and its run succeeds with a warning (ours).
        fail_fast: When it fails, the rows of its matrix that have not begun are cancelled (ours).
        max_parallel: How many rows of its matrix run at once; 0 for all (ours).
        priority: -100 to 100. Of what waits, the highest is given out first, and of these the oldest (ours).
        retry: When it is run again by itself; None for never (ours).
        approval: Whose approval it waits for before an agent gets it; None for nobody's (ours).
        run_approval: Whose approval its whole run waits for; None for nobody's (ours).
        concurrency: Of which group, and of how many executions of it, it waits for a place; None without one (ours).
        run_concurrency: The same of its pipeline, whose group counts runs (ours).
        locks: Names of which each is used by one execution at a time on a host (ours).
        declared_outputs: The path below the checkout of the file that holds the text of an output, by the output's name;
            empty for one that a step writes to `$CICTL_OUTPUT` (ours).
    """

    script: str
    required_capabilities: dict[str, str] = msgspec.field(default_factory=dict)
    timeout_seconds: int = 0
    env: dict[str, str] = msgspec.field(default_factory=dict)
    artifact_globs: list[str] = msgspec.field(default_factory=list)
    caches: list[CacheSpec] = msgspec.field(default_factory=list)
    source: Source | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    step_plan: list[Step] = msgspec.field(default_factory=list)
    working_directory: str = ""
    shell: str = ""
    services: list[ServiceSpec] = msgspec.field(default_factory=list)
    artifacts: list[ArtifactSpec] = msgspec.field(default_factory=list)
    declared_outputs: dict[str, str] = msgspec.field(default_factory=dict)
    inputs: dict[str, str] = msgspec.field(default_factory=dict)
    condition: str = msgspec.field(default="", name="if")
    open_condition: str = ""
    skipped: bool = False
    allow_failure: bool = False
    fail_fast: bool = False
    max_parallel: int = 0
    priority: int = 0
    retry: RetrySpec | None = None
    approval: ApprovalSpec | None = None
    run_approval: ApprovalSpec | None = None
    concurrency: ConcurrencySpec | None = None
    run_concurrency: ConcurrencySpec | None = None
    locks: list[str] = msgspec.field(default_factory=list)

    @property
    def facts(self) -> JobMetadata:
        return JobMetadata(self.metadata)

    def planned(self) -> dict[str, Any]:
        """Return the fields above by name, also from a record, which has more. Code that copies a job misses none of them."""
        return {name: getattr(self, name) for name in JobSpec.__struct_fields__}


class JobExecution(Message):
    """One job execution as every endpoint shows it.

    Attributes:
        timeout_seconds: Limit from start to end; 0 means none.
        output: The last 512 KiB of the log, in single-job answers only.
        unmet_requirements: Why no known agent can take it; queued executions only.
        sensitive_values: Values to mask; in the lease answer only, never stored.
        cause: Why it failed (ours; a reference server never sends it).
        log_size: Bytes of the whole log (ours; single-job answers only).
        waiting_reason: Why a queued execution is not given out: nobody has approved it, others have the places of its group, its
            queue is paused, its project has its share, or the last attempt to read its secrets failed (ours).
        not_before_utc: When the server tries to read them again; only after such an attempt (ours).
        warnings: What its user should know although it is no failure, such as files that were not kept (ours).
        timeout_is_default: The limit is the server's, because the job states none. It is given with the lease (ours).
        pinned: Its run is kept whatever its age (ours).
        log_removed_utc: When retention removed its log; `artifacts_removed_utc` is the same for its artifacts (ours).
        is_cut: Long texts are cut here, as in lists; `GET jobs/{id}` has them whole (ours).
        started_by: The name of the token with which it was started or run again; absent if nobody was authenticated (ours).
        cancelled_by: The name of the token with which it was cancelled (ours).
        working_directory, shell, services, artifacts, declared_outputs, inputs: As in `JobSpec` (ours).
        if, open_condition, skipped, allow_failure, fail_fast, max_parallel, priority, retry, approval, run_approval, concurrency,
            run_concurrency, locks: As in `JobSpec` (ours).
        approval_due_utc: When it fails unless somebody approves it; only while it waits for that (ours).
        decision: What was decided about it, if somebody was asked (ours).
        failed_step: The position in the plan of the step that failed it (ours). 0 if none did, or if its agent does not tell.
        outputs: The text of each declared output, by name, once the execution has succeeded (ours).
        attempt: Which execution of its job in its run it is, from 1; absent for a single one that is not to be retried (ours).
        retry_of: Id of the execution that it repeats by itself (ours).
        retried_by: Id of the one that repeats it by itself (ours).
    """

    id: str
    script: str
    required_capabilities: dict[str, str] | None
    timeout_seconds: int
    status: JobStatus
    created_utc: datetime
    env: dict[str, str] = msgspec.field(default_factory=dict)
    artifact_globs: list[str] = msgspec.field(default_factory=list)
    caches: list[CacheSpec] = msgspec.field(default_factory=list)
    source: Source | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    step_plan: list[Step] = msgspec.field(default_factory=list)
    current_step: str = ""
    cache_stats: list[CacheStat] = msgspec.field(default_factory=list)
    runtime_capabilities: dict[str, str] = msgspec.field(default_factory=dict)
    started_utc: datetime | None = None
    finished_utc: datetime | None = None
    leased_utc: datetime | None = None
    leased_by_agent_id: str = ""
    exit_code: int | None = None
    error: str = ""
    output: str = ""
    test_summary: TestSummary | None = None
    unmet_requirements: list[str] = msgspec.field(default_factory=list)
    sensitive_values: list[str] = msgspec.field(default_factory=list)
    cause: Cause | None = None
    log_size: int = 0
    waiting_reason: str = ""
    not_before_utc: datetime | None = None
    warnings: list[str] = msgspec.field(default_factory=list)
    timeout_is_default: bool = False
    pinned: bool = False
    log_removed_utc: datetime | None = None
    artifacts_removed_utc: datetime | None = None
    is_cut: bool = False
    started_by: str = ""
    cancelled_by: str = ""
    working_directory: str = ""
    shell: str = ""
    services: list[ServiceSpec] = msgspec.field(default_factory=list)
    artifacts: list[ArtifactSpec] = msgspec.field(default_factory=list)
    declared_outputs: dict[str, str] = msgspec.field(default_factory=dict)
    failed_step: int = 0
    outputs: dict[str, str] = msgspec.field(default_factory=dict)
    inputs: dict[str, str] = msgspec.field(default_factory=dict)
    condition: str = msgspec.field(default="", name="if")
    open_condition: str = ""
    skipped: bool = False
    allow_failure: bool = False
    fail_fast: bool = False
    max_parallel: int = 0
    priority: int = 0
    retry: RetrySpec | None = None
    approval: ApprovalSpec | None = None
    run_approval: ApprovalSpec | None = None
    approval_due_utc: datetime | None = None
    decision: Decision | None = None
    concurrency: ConcurrencySpec | None = None
    run_concurrency: ConcurrencySpec | None = None
    locks: list[str] = msgspec.field(default_factory=list)
    attempt: int = 0
    retry_of: str = ""
    retried_by: str = ""

    @property
    def facts(self) -> JobMetadata:
        return JobMetadata(self.metadata)


class JobState(Message):
    """`GET jobs/{id}?view=state`: a small answer for those who poll. The keys mean the same as in `JobExecution`.

    Attributes:
        is_cut: As in `JobExecution`.
        skipped, allow_failure, retried_by: As in `JobExecution` (ours).
        log_is_full: The log has passed the server's limit. Nothing more of it is kept, and its agent need not send it (ours).
        run_number: The number of its run; absent without one (ours).
    """

    id: str
    status: JobStatus
    log_size: int
    current_step: str = ""
    error: str = ""
    exit_code: int | None = None
    cause: Cause | None = None
    leased_by_agent_id: str = ""
    started_utc: datetime | None = None
    finished_utc: datetime | None = None
    waiting_reason: str = ""
    not_before_utc: datetime | None = None
    log_is_full: bool = False
    is_cut: bool = False
    skipped: bool = False
    allow_failure: bool = False
    retried_by: str = ""
    run_number: int = 0


class PriorityRequest(Message):
    """`POST jobs/{id}/priority`: -100 to 100."""

    priority: int | None = None


class JobResponse(Message):
    job_execution: JobExecution


class RerunResponse(JobResponse):
    """The new execution.

    Attributes:
        dependants: Ids of new executions of what had ended because the old one failed; they wait for the new one (ours).
    """

    dependants: list[str] = msgspec.field(default_factory=list)


class JobStateResponse(Message):
    job_execution: JobState


STEP_STARTED = "step.started"


class StepEvent(Item):
    """Something that happened while an execution ran. Agents send `step.started`.

    Attributes:
        log_offset: Bytes of the log so far (ours). The step's part of the log begins with the first line that begins at
            this byte or later.
    """

    type: str = ""
    timestamp_utc: datetime | None = None
    step: Step | None = None
    log_offset: int | None = None


class LoggedStep(Message):
    """A step that has begun.

    Attributes:
        index: Position in the plan, from 1.
        started_utc: When it began, by the server's clock: when the report of it came, less what it was old by the agent's clock.
        log_offset: The step's part of the log begins with the first line that begins at this byte or later.
    """

    index: int
    total: int
    name: str
    started_utc: datetime
    log_offset: int


class JobSteps(Message):
    """`GET jobs/{id}/steps`: the steps that have begun, in the order of the plan."""

    steps: list[LoggedStep]


class DeletedJob(Message):
    deleted: bool
    job_execution_id: str


class Dependency(Message):
    """The failed execution that keeps another one from ever running."""

    job_execution_id: str = ""
    pipeline_id: str = ""
    pipeline_job_id: str = ""
    matrix_name: str = ""
    reason: str = ""


class BlockedBy(Message):
    blocked: bool
    dependency: Dependency | None = None
