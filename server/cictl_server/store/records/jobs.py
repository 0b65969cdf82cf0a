"""The record of a job execution."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cictl.base.job_parts import ApprovalSpec, Decision
from cictl.wire.jobs import CANCELLATIONS, CacheStat, Cause, JobSpec, JobStatus, TestSummary
from cictl.wire.metadata import JobMetadata
from cictl_server.store.records.base import Record

_BLOCKS = frozenset(
    key.name
    for key in (
        JobMetadata.needs_blocked,
        JobMetadata.chain_blocked,
        JobMetadata.row_blocked,
        JobMetadata.approval_blocked,
        JobMetadata.run_approval_blocked,
        JobMetadata.group_blocked,
        JobMetadata.run_group_blocked,
    )
)
"""The keys of metadata that hold an execution back."""

_QUEUE_OF_PROJECT = "project "


def queue_of_project(project: str) -> str:
    """Return the `queue_scope` of the executions of a project, named by its id, or by its name where there is no id."""
    return _QUEUE_OF_PROJECT + project


def is_queue_of_project(queue_scope: str) -> bool:
    """Tell whether this is the queue of a project, and not of one agent's scripts."""
    return queue_scope.startswith(_QUEUE_OF_PROJECT)


_GROUP_OF_RUNS = "run "


def is_group_of_runs(group: str) -> bool:
    """Tell whether a key is that of a `run_group`."""
    return group.startswith(_GROUP_OF_RUNS)


class FailedDependency(Record, frozen=True, kw_only=True):
    """The failed job of its run, or else pipeline of its chain run, for which an execution waited."""

    pipeline_job_id: str = ""
    pipeline_id: str = ""

    @property
    def reason(self) -> str:
        if self.pipeline_job_id:
            return f"required job {self.pipeline_job_id} failed"
        return f"upstream pipeline {self.pipeline_id} failed"


class JobRecord(Record, JobSpec, frozen=True, kw_only=True):
    """One job execution: its spec and its progress, in one document.

    Attributes:
        number: Nanoseconds of its creation, strictly increasing; the id is `job-<number>`.
        retry_of: The id of the execution that it repeats by itself, if it does; `retries` is how many such came before it.
        retried_by: The id of the one that repeats it by itself.
        server_retried: It, or one before it, was repeated although its job asks for no retry.
        keeps_place_of: The number of the execution whose place in the queue it has, if it repeats one; else 0.
        default_timeout_seconds: The server's limit at its lease, if it states none itself; 0 means none.
        failed_dependency: What it waited for, if its failure ended the execution.
        lease_request_id: `request_id` of the lease that took it.
        lease_process: Which process of its agent took it (`process_key`); empty when the agent did not tell.
        lease_slot: Which slot of that process; 0 when it has only one.
        lease_server: The `instance_id` of the server that gave it, which alone reads its secrets for this lease.
        lock_host: The host of the agent that holds it, if it has locks there; `host_of` names it.
        lease_hash: `token_hash` of the token that its last lease gave; empty when its agent sends none. A lease that ran out
            leaves it, so that the agent that had it may still begin.
        job_token_hash: The same of the token that its steps show; empty when they got none. It counts while `status` is
            active.
        log_size: Bytes of its log that count, once it is over; what came later is ignored.
        log_generation: How often it was requeued. Each attempt writes into a log of its own.
        log_limit: The limit in bytes that its log has passed: the rest is not kept. 0 while it has not.
        closing_line: The last line of its log, by the server, kept apart from the agent's bytes.
        not_before: While this is set, the queued execution can't be claimed.
        waiting_reason: Why its secrets could not be read at the last attempt.
        secrets_since: When the first of `secrets_attempts` attempts to read them failed.
        report_generation: Which upload of its reports counts; 0 while it has none, or one of earlier versions.
        report_bytes: What these take; 0 for those of earlier versions.
        warnings: What its agent says that users should know although it is no failure.
        failed_step: The position in the plan of the step that failed it; 0 if none did, or if its agent does not tell.
        outputs: The texts of `declared_outputs`, once it has succeeded.
        templates: Those parts of its spec, as they were planned, into which outputs of its needs have been put. None if none were.
        pinned: Retention leaves its run alone.
        log_rewrites: How often its log was emptied or replaced, so that it has other bytes than before.
        log_removed: When retention removed its log; `artifacts_removed` is the same for its artifacts.
        started_by: The name of the token with which somebody started it, or ran it again; empty if nobody was authenticated.
        started_by_job: The id of the execution whose token started it; empty if none did.
        start_depth: How many starts by such tokens led to it; 0 if a person or a program started it.
        cancelled_by: The same of whoever cancelled it.
        superseded: A newer execution of the same job and matrix row decides about its run.
        approval_due: When it ends unless somebody approves it; None while it waits for no approval.
        decision: What was decided about it by whoever was asked last.
    """

    number: int
    status: JobStatus
    created: datetime
    current_step: str = ""
    cache_stats: list[CacheStat] = msgspec.field(default_factory=list)
    runtime_capabilities: dict[str, str] = msgspec.field(default_factory=dict)
    started: datetime | None = None
    finished: datetime | None = None
    leased: datetime | None = None
    agent_id: str = ""
    exit_code: int | None = None
    error: str = ""
    cause: Cause | None = None
    failed_dependency: FailedDependency | None = None
    test_summary: TestSummary | None = None
    report_generation: int = 0
    report_bytes: int = 0
    lease_request_id: str = ""
    lease_process: str = ""
    lease_slot: int = 0
    lease_server: str = ""
    lock_host: str = ""
    lease_hash: str = ""
    job_token_hash: str = ""
    log_size: int = 0
    log_generation: int = 0
    log_limit: int = 0
    closing_line: str = ""
    not_before: datetime | None = None
    waiting_reason: str = ""
    secrets_since: datetime | None = None
    secrets_attempts: int = 0
    warnings: list[str] = msgspec.field(default_factory=list)
    failed_step: int = 0
    outputs: dict[str, str] = msgspec.field(default_factory=dict)
    templates: JobSpec | None = None
    default_timeout_seconds: int = 0
    pinned: bool = False
    log_removed: datetime | None = None
    log_rewrites: int = 0
    artifacts_removed: datetime | None = None
    started_by: str = ""
    started_by_job: str = ""
    start_depth: int = 0
    cancelled_by: str = ""
    keeps_place_of: int = 0
    retry_of: str = ""
    retries: int = 0
    retried_by: str = ""
    server_retried: bool = False
    superseded: bool = False
    approval_due: datetime | None = None
    decision: Decision | None = None

    @classmethod
    def queued(
        cls, spec: JobSpec, *, number: int, created: datetime, started_by: str, starter: JobRecord | None = None
    ) -> JobRecord:
        """Return a new execution of *spec*, which may be an earlier record.

        Args:
            starter: The execution whose token starts it, if one does.
        """
        return cls(
            number=number,
            status=JobStatus.QUEUED,
            created=created,
            started_by=started_by,
            started_by_job=starter.id if starter else "",
            start_depth=starter.start_depth + 1 if starter else 0,
            templates=spec.templates if isinstance(spec, JobRecord) else None,
            **spec.planned(),
        )

    @property
    def id(self) -> str:
        return f"job-{self.number}"

    @property
    def place_in_queue(self) -> int:
        """What decides among executions of the same priority: the lower one is leased first."""
        return self.keeps_place_of or self.number

    @property
    def turn(self) -> tuple[int, int, int]:
        """What sorts waiting executions: the first is leased first."""
        return -self.priority, self.place_in_queue, self.number

    @property
    def is_good(self) -> bool:
        """Whether what needs it may run: it succeeded, or it ran and failed although it may fail.

        One that was skipped has succeeded. A cancelled one is not forgiven, nor one that never began.
        """
        if self.status is JobStatus.SUCCEEDED:
            return True
        is_forgiven = self.allow_failure and self.started is not None and self.cause not in CANCELLATIONS
        return self.status is JobStatus.FAILED and is_forgiven

    @property
    def is_ended_by_server(self) -> bool:
        """Whether the server ended it, by a cancel, a time limit or the loss of its agent, and not its agent's report."""
        return self.status.is_terminal and bool(self.closing_line)

    @property
    def limit_seconds(self) -> int:
        """How long it may run; 0 means for ever."""
        return self.timeout_seconds or self.default_timeout_seconds

    @property
    def project_key(self) -> str:
        """What its files belong to: the id of its project, or the name where there is no id."""
        return self.facts.project_id or self.facts.project

    @property
    def log_name(self) -> str:
        """The name of the log of the present attempt; each attempt has another."""
        return f"{self.id}.{self.log_generation}" if self.log_generation else self.id

    def names_log(self, name: str) -> bool:
        """Tell whether *name* is the log that counts, and not that of a former attempt or one that retention has removed."""
        return name == self.log_name and self.log_removed is None

    @property
    def queue_scope(self) -> str:
        """Whose queue it is in: that of its project, or of the agent that a script is for."""
        facts = self.facts
        return queue_of_project(facts.project_id or facts.project) if facts.project else f"agent {facts.adhoc_agent_id}"

    @property
    def run_key(self) -> str:
        """What tells its run from others of its queue."""
        return self.facts.run_number or self.facts.pipeline_run_id or self.id

    @property
    def is_blocked(self) -> bool:
        """Whether it waits for another execution, an approval or a place in a group; a blocked one is never leased."""
        if _BLOCKS.isdisjoint(self.metadata):
            return False  # as nearly always, and this is asked all the time
        facts = self.facts
        waits_for_approval = facts.approval_blocked or facts.run_approval_blocked
        waits_for_place = facts.group_blocked or facts.run_group_blocked
        return self.waits_for_others or facts.row_blocked or waits_for_approval or waits_for_place

    @property
    def waits_for_others(self) -> bool:
        """Whether it waits for its needs, or for the pipelines before its own."""
        return self.facts.needs_blocked or self.facts.chain_blocked

    @property
    def awaited_approval(self) -> ApprovalSpec | None:
        """Whose approval it waits for now: its run's from the beginning, its own once all that it waits for is over."""
        if self.status is not JobStatus.QUEUED:
            return None
        if self.facts.run_approval_blocked:
            return self.run_approval
        return self.approval if self.facts.approval_blocked and not self.waits_for_others else None

    @property
    def group(self) -> str:
        """The key of its concurrency group, which no other group has; empty without one."""
        return f"job {self.project_key} {self.concurrency.group}" if self.concurrency else ""

    @property
    def run_group(self) -> str:
        """The key of the concurrency group of its pipeline, which counts runs; empty without one."""
        return f"{_GROUP_OF_RUNS}{self.project_key} {self.run_concurrency.group}" if self.run_concurrency else ""

    @property
    def held_groups(self) -> list[str]:
        """The keys of the groups in which it, or its run, has a place until it is over."""
        facts = self.facts
        held = (not facts.group_blocked and self.group, not facts.run_group_blocked and self.run_group)
        return [] if self.status.is_terminal else [key for key in held if key]

    @property
    def awaited_group(self) -> str:
        """The key of the group in whose line it stands; empty for none. Its run's place comes before its own.

        What waits for another pipeline of its chain stands in the line of its run alone, and what waits for an approval in none.
        """
        facts = self.facts
        if self.status is not JobStatus.QUEUED or facts.run_approval_blocked:
            return ""
        if facts.run_group_blocked:
            return self.run_group
        return self.group if facts.group_blocked and not (facts.chain_blocked or facts.approval_blocked) else ""

    @property
    def is_ready(self) -> bool:
        """Whether it would take a place in the group that it waits for, if one were free."""
        facts = self.facts
        return not (facts.chain_blocked if facts.run_group_blocked else facts.needs_blocked or facts.row_blocked)

    @property
    def turn_in_line(self) -> tuple[int, bool, int, int]:
        """What sorts the line of a group: by runs, and within a run those that are ready first."""
        return int(self.facts.run_number or 0), not self.is_ready, self.place_in_queue, self.number
