"""Runs on the wire: what one start of a pipeline, a chain or a script made, and what changes it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from cictl.base.job_parts import Decision
from cictl.wire.codec import Item, Message
from cictl.wire.jobs import Cause


class RunStatus(StrEnum):
    """The states of a run. The newest execution of each job decides, so a rerun can make a run go on that was over."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING_APPROVAL = "waiting_approval"
    """Nothing of it goes on before somebody approves a job, or the run."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return self in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)


class RunCounts(Message):
    """How many jobs of a run have each state. `failed` includes those that may fail, and those that were cancelled."""

    queued: int = msgspec.field(default_factory=int)
    running: int = msgspec.field(default_factory=int)
    succeeded: int = msgspec.field(default_factory=int)
    failed: int = msgspec.field(default_factory=int)
    skipped: int = msgspec.field(default_factory=int)


class RunJob(Message):
    """The newest execution of a job of a run; `GET jobs/{id}` tells all of it.

    Attributes:
        id: Id of the job execution.
        name: Its short id, such as `41/test/green`.
        status: A status of executions, or `skipped` or `cancelled`.
        allow_failure: It may fail without failing the run.
        waiting_reason: As in `JobExecution`.
        decision: What was decided about it, if somebody was asked.
    """

    id: str
    name: str
    status: str
    pipeline: str = ""
    started_utc: datetime | None = None
    finished_utc: datetime | None = None
    error: str = ""
    cause: Cause | None = None
    allow_failure: bool = False
    waiting_reason: str = ""
    decision: Decision | None = None


class Run(Message):
    """One run. Of a chain it has the jobs of all pipelines.

    Attributes:
        id: Id of the pipeline run or the chain run; of a script that of its job execution.
        number: By which people name it.
        pipeline: Id of the pipeline or the chain in its file; empty for a script.
        ref: The ref as configured or asked for; `branch` or `tag` is what it names, if it names one.
        sha: The commit; empty if it was not known when the run began.
        message: The first line of the commit's message, and `author` its author's name; empty where the server did not read the commit.
        event: What started it, such as `manual`.
        started_by: The name of the token with which it was started; absent if nobody was authenticated.
        inputs: Values of the pipeline's inputs, by name.
        pinned: It is kept whatever its age.
        decision: What was decided about the whole run, if somebody was asked.
        error: Why it could not be planned, such as a project file that breaks rules; it has no jobs then.
        warnings: What was to be known when it began, and each job that failed although it may.
        jobs: In the answers about one run; lists leave them out.
    """

    id: str
    number: int
    status: RunStatus
    created_utc: datetime
    counts: RunCounts
    project: str = ""
    pipeline: str = ""
    started_utc: datetime | None = None
    finished_utc: datetime | None = None
    ref: str = ""
    branch: str = ""
    tag: str = ""
    sha: str = ""
    version: str = ""
    message: str = ""
    author: str = ""
    event: str = ""
    started_by: str = ""
    inputs: dict[str, str] = msgspec.field(default_factory=dict)
    pinned: bool = False
    decision: Decision | None = None
    error: str = ""
    warnings: list[str] = msgspec.field(default_factory=list)
    jobs: list[RunJob] = msgspec.field(default_factory=list)


class RunList(Message):
    """`GET runs`, newest first. `next_cursor` fetches the next part; it is absent at the end."""

    runs: list[Run]
    next_cursor: str = ""


class RunRerunRequest(Message):
    """`POST runs/{run}/rerun`.

    Attributes:
        only_failed: Run again what did not succeed; else every job.
    """

    only_failed: bool = False


class RunRerunResponse(Run, kw_only=True):
    """The run as it is then.

    Attributes:
        job_execution_ids: The new executions, in the order of those that they replace.
    """

    job_execution_ids: list[str]


class ApprovalRequest(Message):
    """`POST runs/{run}/approve` and `POST runs/{run}/reject`.

    Attributes:
        job: `[PIPELINE/]JOB[/ROW]`, the name of a job in the run; without the row all rows that wait. Empty for the whole run.
        reason: Why, up to 200 characters; needed to reject.
    """

    job: str = ""
    reason: str = ""


class FailedJob(Item):
    """A job of a run that failed.

    Attributes:
        job: Its short id, such as `41/test`.
        step: What people call the step in which it failed; empty if none had begun.
        error: Why, in a sentence.
        tail: The last lines of the step's output, without control characters.
    """

    job: str
    step: str
    error: str
    tail: str


class FailedTest(Item):
    """A test that failed: its package and name, and what it says."""

    name: str
    text: str


class RunSummary(Run, kw_only=True):
    """`GET runs/{run}/summary`: what a person or a program needs to know of a run, in few bytes; without its `jobs`.

    Attributes:
        failed_jobs: Those that failed and may not.
        failed_tests: Of all its jobs.
        since_last_success: The commits since the last success of the same pipeline and branch, the newest first: `1234567890 Warm
            the pot`. Where they are not known, the runs since then, this one included: `41 1234567890 Warm the pot`.
        truncated: Something of these was left out or cut.
    """

    failed_jobs: list[FailedJob]
    failed_tests: list[FailedTest]
    since_last_success: list[str]
    truncated: bool
