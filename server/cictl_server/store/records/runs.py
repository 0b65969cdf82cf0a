"""The record of a run: what started it, and how many of its jobs have which state."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from cictl.base.job_parts import Decision
from cictl.wire.jobs import Cause, JobStatus, is_cancellation
from cictl.wire.runs import RunStatus
from cictl_server.store.records.base import Record
from cictl_server.store.records.jobs import JobRecord


class RunPart(StrEnum):
    """What one execution is to its run."""

    QUEUED = "queued"
    BLOCKED = "blocked"
    """It waits for other jobs. Told apart from `queued` only in runs that ask for an approval."""
    WAITING_APPROVAL = "waiting_approval"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    FORGIVEN = "forgiven"
    """It failed, which it may."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    DRAGGED = "dragged"
    """It ended because of what it needed."""

    @classmethod
    def of(cls, job: JobRecord) -> RunPart:
        match job.status:
            case JobStatus.QUEUED:
                return cls._waiting(job)
            case JobStatus.LEASED | JobStatus.RUNNING:
                return cls.RUNNING
            case JobStatus.SUCCEEDED:
                return cls.SKIPPED if job.skipped else cls.SUCCEEDED
        if job.is_good:
            return cls.FORGIVEN
        if is_cancellation(job.cause, job.error):
            return cls.CANCELLED
        return cls.DRAGGED if job.cause is Cause.DEPENDENCY_FAILED else cls.FAILED

    @classmethod
    def _waiting(cls, job: JobRecord) -> RunPart:
        if job.awaited_approval is not None:
            return cls.WAITING_APPROVAL
        # What stands in the line of a group gets its turn by itself.
        waits_for_own_run = job.is_blocked and not (job.awaited_group and job.is_ready)
        return cls.BLOCKED if waits_for_own_run and job.facts.run_asks_approval else cls.QUEUED


Place = tuple[str, str, str]
"""A project, a pipeline of it and a branch, any of them empty: where runs are looked for."""

_WAITING = frozenset({RunPart.QUEUED, RunPart.BLOCKED, RunPart.WAITING_APPROVAL})
_NEVER_BEGAN = _WAITING | {RunPart.SKIPPED}


class RunRecord(Record, frozen=True, kw_only=True):
    """One run, with what of its executions is asked for in lists.

    Attributes:
        number: The key; larger than those of earlier runs.
        run_id: The id of the chain run or the pipeline run, or of a script's execution.
        pipeline: The id of the chain or the pipeline in its file; empty for a script.
        parts: How many deciding executions are which part; none is 0.
        started: When its first execution began; `finished` is when its last one ended, None while it is not over.
        started_by_job: As in `JobRecord`.
        pinned: All of its executions are.
        context: The context by which the forge of its project is told how it stands; empty if it is not told.
        decision: What was decided about the whole run by whoever was asked.
        error: Why it could not be planned, so that it has no executions.
        dry_run: Steps that say so are left out of it, so that it proves nothing.
        former: Its last result before jobs of it were run again.
    """

    number: int
    run_id: str
    created: datetime
    parts: dict[RunPart, int]
    project: str = ""
    project_id: str = ""
    pipeline: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    ref: str = ""
    sha: str = ""
    version: str = ""
    message: str = ""
    author: str = ""
    event: str = ""
    started_by: str = ""
    started_by_job: str = ""
    inputs: dict[str, str] = msgspec.field(default_factory=dict)
    warnings: list[str] = msgspec.field(default_factory=list)
    branch: str = ""
    tag: str = ""
    pinned: bool = False
    context: str = ""
    decision: Decision | None = None
    error: str = ""
    dry_run: bool = False
    former: RunStatus | None = None

    @property
    def result(self) -> RunStatus | None:
        """What it proves, now that it is over: that its source succeeds or fails. None while it does not."""
        is_proof = self.status in (RunStatus.SUCCEEDED, RunStatus.FAILED) and self.parts.keys() != {RunPart.SKIPPED}
        return self.status if is_proof and not self.dry_run else None

    @property
    def last_result(self) -> RunStatus | None:
        """Its result, or that from before it was run again."""
        return self.result or self.former

    @property
    def status(self) -> RunStatus:
        """A failure outweighs a cancel; what was dragged along counts only where nothing else explains it."""
        parts, waiting = self.parts, self.waiting
        if self.error:
            return RunStatus.FAILED
        if parts.get(RunPart.WAITING_APPROVAL) and not (parts.get(RunPart.QUEUED) or parts.get(RunPart.RUNNING)):
            return RunStatus.WAITING_APPROVAL
        if parts.get(RunPart.RUNNING) or (waiting and parts.keys() - _NEVER_BEGAN):
            return RunStatus.RUNNING
        if waiting:
            return RunStatus.QUEUED
        if parts.get(RunPart.FAILED):
            return RunStatus.FAILED
        if parts.get(RunPart.CANCELLED):
            return RunStatus.CANCELLED
        return RunStatus.FAILED if parts.get(RunPart.DRAGGED) else RunStatus.SUCCEEDED

    @property
    def waiting(self) -> int:
        """How many of its executions wait for whatever it is."""
        return sum([count for part, count in self.parts.items() if part in _WAITING])

    @property
    def places(self) -> list[Place]:
        """Where the run is found."""
        branches = dict.fromkeys(["", self.branch])
        scopes = dict.fromkeys([("", ""), (self.project, ""), (self.project, self.pipeline if self.project else "")])
        return [(*scope, branch) for scope in scopes for branch in branches]
