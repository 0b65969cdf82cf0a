"""What executions are looked up by."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import NamedTuple

import msgspec

from cictl.wire.jobs import JobStatus
from cictl_server.store.postgres.keys import optional_key, text_key
from cictl_server.store.records.jobs import JobRecord


class SpecColumns(NamedTuple):
    """The columns of `job_specs`, which never change."""

    run: str | None
    run_number: str | None
    chain_run: str | None
    project: str
    pipeline: str | None

    @classmethod
    def of(cls, job: JobRecord) -> SpecColumns:
        facts = job.facts
        return cls(
            run=optional_key(facts.pipeline_run_id),
            run_number=optional_key(facts.run_number),
            chain_run=optional_key(facts.chain_run_id),
            project=text_key(facts.project_id),
            pipeline=optional_key(facts.pipeline_id),
        )


class UnfinishedColumns(NamedTuple):
    """The columns of `unfinished_jobs`.

    Attributes:
        needs_key: What executions with the same requirements and the same locks share, and no others.
        needs: The requirements as JSON, sorted.
        held_group: The concurrency group of its job in which it has a place; `held_run_group` is that of its pipeline.
        locks: Those of its job as JSON, sorted; None without any.
        awaited_group: The one in whose line it stands, where `line_run` and `is_ready` sort it.
    """

    is_active: bool
    is_blocked: bool
    not_before: datetime | None
    needs_key: bytes
    needs: str
    agent: str | None
    job_token: str | None
    run: str | None
    chain_run: str | None
    queue_scope: str
    run_key: str
    priority: int
    place: int
    approval_due: datetime | None
    held_group: str | None
    held_run_group: str | None
    awaited_group: str | None
    line_run: int | None
    is_ready: bool | None
    locks: str | None
    lock_host: str | None

    @classmethod
    def of(cls, job: JobRecord) -> UnfinishedColumns | None:
        """Return those of *job*; None if it is over."""
        if job.status.is_terminal:
            return None
        needs = msgspec.json.encode(job.required_capabilities, order="sorted")
        locks = msgspec.json.encode(job.locks) if job.locks else b""
        facts, held, awaited = job.facts, job.held_groups, job.awaited_group
        return cls(
            is_active=job.status.is_active,
            is_blocked=job.is_blocked,
            not_before=job.not_before,
            needs_key=hashlib.sha256(needs + locks).digest()[:16],
            needs=needs.decode(),
            agent=optional_key(job.agent_id),
            job_token=optional_key(job.job_token_hash),
            run=optional_key(facts.pipeline_run_id),
            chain_run=optional_key(facts.chain_run_id),
            queue_scope=text_key(job.queue_scope),
            run_key=text_key(job.run_key),
            priority=job.priority,
            place=job.place_in_queue,
            approval_due=job.approval_due,
            held_group=optional_key(job.group) if job.group in held else None,
            held_run_group=optional_key(job.run_group) if job.run_group in held else None,
            awaited_group=optional_key(awaited),
            line_run=job.turn_in_line[0] if awaited else None,
            is_ready=job.is_ready if awaited else None,
            locks=locks.decode() or None,
            lock_host=optional_key(job.lock_host),
        )

    @property
    def is_claimable(self) -> bool:
        return not self.is_active and not self.is_blocked and self.not_before is None


UNFINISHED_TYPES = {
    **dict.fromkeys(UnfinishedColumns._fields, "text"),
    "is_active": "boolean",
    "is_blocked": "boolean",
    "not_before": "timestamptz",
    "needs_key": "bytea",
    "needs": "json",
    "priority": "smallint",
    "place": "bigint",
    "approval_due": "timestamptz",
    "line_run": "bigint",
    "is_ready": "boolean",
    "locks": "json",
}
"""PostgreSQL's type of each column."""


class JobColumns(NamedTuple):
    """All columns of one execution."""

    status: JobStatus
    agent: str | None
    spec: SpecColumns
    unfinished: UnfinishedColumns | None

    @classmethod
    def of(cls, job: JobRecord) -> JobColumns:
        return cls(
            status=job.status,
            agent=optional_key(job.agent_id),
            spec=SpecColumns.of(job),
            unfinished=UnfinishedColumns.of(job),
        )
