"""Executions in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from sys import maxsize
from typing import NamedTuple

import msgspec

from cictl.wire.jobs import JobStatus
from cictl.wire.waiting.requirements import required_tools
from cictl_server.postgres.pipeline import Row
from cictl_server.store.postgres.job_changes import CLAIMABLE, JobChanges, StoredJob, status_counter
from cictl_server.store.postgres.job_documents import JobDocuments
from cictl_server.store.postgres.keys import capped, is_number, text_key
from cictl_server.store.postgres.locks import Overtaken, run_of
from cictl_server.store.postgres.session import Session, compose
from cictl_server.store.postgres.tools import SameSet
from cictl_server.store.records.jobs import JobRecord, is_group_of_runs
from cictl_server.store.tables import Jobs, Kind, Runs

_TABLE = "jobs"

_SELECT = "SELECT s.document, j.document FROM jobs j JOIN job_specs s USING (number)"
_FIND = _SELECT + " WHERE number = %s"
_ASCENDING = "{select} WHERE {condition} AND {number} > %s ORDER BY {number} LIMIT %s"
_DESCENDING = "{select} WHERE {condition} AND {number} < %s ORDER BY {number} DESC LIMIT %s"
_NUMBER_OF_JOB = "j.number + 0"
"""As the indexes have it; the migration that makes them says why."""
_COUNT = "SELECT count(*) FROM jobs"

_UNFINISHED = (
    "SELECT s.document, j.document FROM unfinished_jobs u JOIN jobs j USING (number) JOIN job_specs s USING (number)"
)

_ALL = compose(_ASCENDING, select=_SELECT, condition="true", number="number")
_NEWEST = compose(_DESCENDING, select=_SELECT, condition="true", number="number")
# Each status in its own order: together they would have to be sorted, all of them at each page.
_NEWEST_OF_STATUSES = (
    "SELECT s.document, j.document FROM ("
    "  SELECT number, document FROM unnest(%s::text[]) AS wanted (status) CROSS JOIN LATERAL ("
    "   SELECT number, document FROM jobs WHERE jobs.status = wanted.status AND number + 0 < %s"
    "   ORDER BY number + 0 DESC LIMIT %s) AS of_status"
    "  ORDER BY number DESC LIMIT %s"
    ") AS j JOIN job_specs s USING (number) ORDER BY number DESC"
)
_OF_STATUS = compose(_ASCENDING, select=_SELECT, condition="j.status = %s", number=_NUMBER_OF_JOB)
_OF_AGENT = compose(_ASCENDING, select=_SELECT, condition="j.agent = %s", number=_NUMBER_OF_JOB)
_OF_RUN = compose(_ASCENDING, select=_SELECT, condition="s.run = %s", number="number")
_OF_RUN_NUMBER = compose(_ASCENDING, select=_SELECT, condition="s.run_number = %s", number="number")
_OF_CHAIN_RUN = compose(_ASCENDING, select=_SELECT, condition="s.chain_run = %s", number="number")
_OF_PIPELINE = compose(
    _DESCENDING, select=_SELECT, condition="s.project = %s AND s.pipeline = %s", number="s.number + 0"
)
_ACTIVE_OF_AGENT = compose(_ASCENDING, select=_UNFINISHED, condition="u.is_active AND u.agent = %s", number="number")
_WITH_TOKEN = _UNFINISHED + " WHERE u.is_active AND u.job_token = %s ORDER BY number LIMIT 1"
_UNFINISHED_OF_RUN = compose(_ASCENDING, select=_UNFINISHED, condition="u.run = %s", number="number")
_UNFINISHED_OF_CHAIN_RUN = compose(_ASCENDING, select=_UNFINISHED, condition="u.chain_run = %s", number="number")
_BLOCKED_OF_RUN = compose(
    _ASCENDING,
    select=_UNFINISHED,
    condition="NOT u.is_active AND u.is_blocked AND u.run = %s",
    number="number",
)
_BLOCKED_OF_CHAIN_RUN = compose(
    _ASCENDING, select=_UNFINISHED, condition="NOT u.is_active AND u.is_blocked AND u.chain_run = %s", number="number"
)
_POSTPONED = "NOT u.is_active AND NOT u.is_blocked AND u.not_before IS NOT NULL"
_DUE = compose(
    "{select} WHERE {postponed} AND u.not_before <= %s ORDER BY u.not_before, number",
    select=_UNFINISHED,
    postponed=_POSTPONED,
)
_NEXT_DUE = compose("SELECT min(not_before) FROM unfinished_jobs u WHERE {postponed}", postponed=_POSTPONED)
_UNAPPROVED = (
    _UNFINISHED + " WHERE NOT u.is_active AND u.approval_due IS NOT NULL AND u.approval_due <= %s"
    " ORDER BY u.approval_due, number"
)

# Goes from one kind of requirements to the next in the index, so it reads one entry of each, whichever, however many there are.
_KINDS = (
    "WITH RECURSIVE heads AS ("
    " (SELECT needs_key, number FROM unfinished_jobs u WHERE {condition} ORDER BY needs_key LIMIT 1)"
    " UNION ALL SELECT following.* FROM heads CROSS JOIN LATERAL ("
    "  SELECT u.needs_key, u.number FROM unfinished_jobs u WHERE {condition} AND u.needs_key > heads.needs_key"
    "  ORDER BY u.needs_key LIMIT 1) AS following"
    ") SELECT u.needs, number FROM heads JOIN unfinished_jobs u USING (number) ORDER BY number"
)
# The same by requirements with locks and queue, with the first of each in the order of leasing. A server of an earlier version tells no place.
_CLAIMABLE_KINDS = compose(
    "WITH RECURSIVE heads AS ("
    " (SELECT needs_key, queue_scope, number FROM unfinished_jobs u WHERE {condition} ORDER BY {order} LIMIT 1)"
    " UNION ALL SELECT following.* FROM heads CROSS JOIN LATERAL ("
    "  SELECT u.needs_key, u.queue_scope, u.number FROM unfinished_jobs u"
    "  WHERE {condition} AND (u.needs_key, u.queue_scope) > (heads.needs_key, heads.queue_scope) ORDER BY {order} LIMIT 1"
    " ) AS following"
    ") SELECT u.needs, u.queue_scope, u.locks, number, u.run_key FROM heads JOIN unfinished_jobs u USING (number)"
    " ORDER BY -u.priority, coalesce(u.place, number), number",
    condition="NOT u.is_active AND NOT u.is_blocked AND u.not_before IS NULL",
    order="u.needs_key, u.queue_scope, (-u.priority), coalesce(u.place, u.number), u.number",
)
_QUEUED_KINDS = compose(_KINDS, condition="NOT u.is_active")

_ACTIVE_BY_QUEUE = "SELECT queue_scope, count(*) FROM unfinished_jobs WHERE is_active GROUP BY queue_scope"
_WITH_LOCKS = compose(_ASCENDING, select=_UNFINISHED, condition="u.is_active AND u.lock_host = %s", number="number")
_WITH_PLACE = _UNFINISHED + " WHERE u.held_group = %s ORDER BY number"
_RUNS_WITH_PLACE = (
    "SELECT s.document, j.document FROM ("
    "  SELECT DISTINCT ON (run) number FROM unfinished_jobs WHERE held_run_group = %s ORDER BY run, number"
    ") AS oldest JOIN jobs j USING (number) JOIN job_specs s USING (number) ORDER BY number"
)
# In the order of `turn_in_line`; each page begins behind the last turn of the page before.
_IN_LINE = compose(
    "{select} WHERE u.awaited_group = %s AND (u.line_run, NOT u.is_ready, u.place, number) > (%s, %s, %s, %s)"
    " ORDER BY u.line_run, (NOT u.is_ready), u.place, number LIMIT %s",
    select=_UNFINISHED,
)
_COUNT_OF_RUN = "SELECT count(*) FROM unfinished_jobs WHERE queue_scope = %s AND run_key = %s"
_COUNT_RUNS = (
    "WITH RECURSIVE runs AS ("
    " (SELECT run_key FROM unfinished_jobs WHERE queue_scope = %s ORDER BY run_key LIMIT 1)"
    " UNION ALL SELECT following.* FROM runs CROSS JOIN LATERAL ("
    "  SELECT u.run_key FROM unfinished_jobs u WHERE u.queue_scope = %s AND u.run_key > runs.run_key"
    "  ORDER BY u.run_key LIMIT 1) AS following"
    ") SELECT count(*) FROM runs"
)

_needs_decoder = msgspec.json.Decoder(dict[str, str])
_locks_decoder = msgspec.json.Decoder(list[str])


class _Head(NamedTuple):
    """The first execution of a kind."""

    needs: bytes
    queue_scope: str
    locks: bytes | None
    number: int
    run_key: str

    @property
    def key(self) -> tuple[bytes, str, bytes | None]:
        """What tells its kind from others."""
        return self.needs, self.queue_scope, self.locks

    @property
    def kind(self) -> Kind:
        locks = _locks_decoder.decode(self.locks) if self.locks else []
        return Kind(tuple(sorted(_needs_decoder.decode(self.needs).items())), self.queue_scope, tuple(locks))


class PostgresJobs(Jobs):
    """The executions as one transaction sees and changes them."""

    def __init__(self, session: Session, tools: SameSet, runs: Runs) -> None:
        """Share *session* with the table of *runs*."""
        self._session = session
        self._runs = runs
        self._tools = tools
        self._changes = JobChanges(session)
        self._known: dict[int, JobDocuments] = {}
        """What a changing transaction has found or put, and need not read again: nobody else can have changed it."""
        self._unguarded: set[int] = set()
        """Of those, what others could still change. `_lock` notices if they did."""

    def find(self, key: int) -> JobRecord | None:
        if key in self._known:
            return self._known[key].record()
        found = self._records(self._session.rows(_FIND, key)) if is_number(key) else []
        return found[0] if found else None

    def iter_all(self) -> Iterator[JobRecord]:
        return self._oldest_first(_ALL)

    def count(self) -> int:
        return int(self._session.value(_COUNT))

    def put(self, record: JobRecord) -> None:
        self._lock(record)
        before, after = self._stored(record.number), StoredJob.of(JobDocuments.of(record))
        if before is None:
            self._changes.insert(record.number, after)
            self._session.use_id(_TABLE, record.number)
        else:
            self._changes.update(record.number, before, after)
        self._known[record.number] = after.documents

    def delete(self, key: int) -> bool:
        self._session.begin_change()
        before = self._stored(key)
        if before is None:
            return False
        self._changes.delete(key, before)
        del self._known[key]
        return True

    def last_number(self) -> int:
        return self._session.last_id(_TABLE)

    def use_numbers(self, up_to: int) -> None:
        self._session.begin_change()
        self._session.use_id(_TABLE, up_to)

    def count_by_status(self) -> dict[JobStatus, int]:
        counted = self._session.counted([status_counter(status) for status in JobStatus])
        return {status: counted[status_counter(status)] for status in JobStatus}

    def with_status(self, status: JobStatus) -> Iterator[JobRecord]:
        return self._oldest_first(_OF_STATUS, status)

    def newest_first(
        self, *, before: int | None = None, statuses: frozenset[JobStatus] | None = None
    ) -> Iterator[JobRecord]:
        limit = maxsize if before is None else before
        if statuses is None:
            return self._newest_first(_NEWEST, before=limit)
        wanted = sorted(statuses)

        def page(last: JobRecord | None, size: int) -> list[JobRecord]:
            below = capped(limit) if last is None else last.number
            return self._records(self._session.rows(_NEWEST_OF_STATUSES, wanted, below, size, size))

        return self._session.paged(page)

    def active_of_agent(self, agent_id: str) -> list[JobRecord]:
        return list(self._oldest_first(_ACTIVE_OF_AGENT, text_key(agent_id)))

    def with_job_token(self, digest: str) -> JobRecord | None:
        found = self._records(self._session.rows(_WITH_TOKEN, text_key(digest)))
        return found[0] if found else None

    def of_agent(self, agent_id: str) -> list[JobRecord]:
        return list(self._oldest_first(_OF_AGENT, text_key(agent_id)))

    def of_run(self, pipeline_run_id: str) -> list[JobRecord]:
        return list(self._oldest_first(_OF_RUN, text_key(pipeline_run_id)))

    def blocked_of_run(self, pipeline_run_id: str) -> list[JobRecord]:
        return list(self._oldest_first(_BLOCKED_OF_RUN, text_key(pipeline_run_id)))

    def unfinished_of_run(self, pipeline_run_id: str) -> Iterator[JobRecord]:
        return self._oldest_first(_UNFINISHED_OF_RUN, text_key(pipeline_run_id))

    def of_run_number(self, run_number: str) -> list[JobRecord]:
        return list(self._oldest_first(_OF_RUN_NUMBER, text_key(run_number)))

    def of_chain_run(self, chain_run_id: str) -> list[JobRecord]:
        return list(self._oldest_first(_OF_CHAIN_RUN, text_key(chain_run_id)))

    def blocked_of_chain_run(self, chain_run_id: str) -> Iterator[JobRecord]:
        return self._oldest_first(_BLOCKED_OF_CHAIN_RUN, text_key(chain_run_id))

    def unfinished_of_chain_run(self, chain_run_id: str) -> Iterator[JobRecord]:
        return self._oldest_first(_UNFINISHED_OF_CHAIN_RUN, text_key(chain_run_id))

    def of_pipeline(self, project_id: str, pipeline_id: str) -> Iterator[JobRecord]:
        return self._newest_first(_OF_PIPELINE, text_key(project_id), text_key(pipeline_id), before=maxsize)

    def claimable(self, accepts: Callable[[Kind], bool]) -> JobRecord | None:
        known: dict[tuple[bytes, str, bytes | None], bool] = {}

        def accepted(head: _Head) -> bool:
            if head.key not in known:
                known[head.key] = accepts(head.kind)
            return known[head.key]

        while head := self._first_claimable(accepted):
            job = self._taken(head)
            if job is not None and _is_claimable(job):
                return job
            # A report or an end has changed it before its run was locked. That is committed, so the next look finds another one.
        return None

    def is_any_claimable(self, accepts: Callable[[Kind], bool]) -> bool:
        return self._first_claimable(lambda head: accepts(head.kind)) is not None

    def _first_claimable(self, accepts: Callable[[_Head], bool]) -> _Head | None:
        return next(filter(accepts, map(_Head._make, self._session.rows(_CLAIMABLE_KINDS))), None)

    def _taken(self, head: _Head) -> JobRecord | None:
        """Return an execution as it is once nobody else changes its run, and look at the record of its run in the same round trip."""
        if not self._session.can_change:
            return self.find(head.number)
        self._session.lock_run(head.run_key)
        self._forget_unguarded(head.number)
        if head.run_key.isdecimal():
            self._session.foresee([lambda: self.find(head.number), lambda: self._runs.find(int(head.run_key))])
            self._runs.find(int(head.run_key))
        return self.find(head.number)

    def count_active_by_queue(self) -> Mapping[str, int]:
        return dict(self._session.rows(_ACTIVE_BY_QUEUE))

    def with_locks(self, host: str) -> list[JobRecord]:
        self._session.look_at_others(is_for_claims=True)
        return list(self._oldest_first(_WITH_LOCKS, text_key(host)))

    def with_place(self, group: str) -> list[JobRecord]:
        self._session.look_at_others()
        statement = _RUNS_WITH_PLACE if is_group_of_runs(group) else _WITH_PLACE
        return self._records(self._session.rows(statement, text_key(group)))

    def in_line(self, group: str) -> Iterator[JobRecord]:
        self._session.look_at_others()

        def page(last: JobRecord | None, size: int) -> list[JobRecord]:
            after = (0, False, 0, 0) if last is None else last.turn_in_line
            return self._records(self._session.rows(_IN_LINE, text_key(group), *after, size))

        return self._session.paged(page)

    def count_claimable(self) -> int:
        return self._session.counted([CLAIMABLE])[CLAIMABLE]

    def count_unfinished(self, queue_scope: str, run_key: str) -> int:
        return int(self._session.value(_COUNT_OF_RUN, text_key(queue_scope), text_key(run_key)))

    def count_unfinished_runs(self, queue_scope: str) -> int:
        scope = text_key(queue_scope)
        return int(self._session.value(_COUNT_RUNS, scope, scope))

    def required_tools(self) -> frozenset[str]:
        kinds = (_needs_decoder.decode(needs) for needs, _ in self._session.rows(_QUEUED_KINDS))
        return self._tools.same(tool for needs in kinds for tool in required_tools(needs))

    def due(self, now: datetime) -> list[JobRecord]:
        return self._records(self._session.rows(_DUE, now))

    def next_due(self) -> datetime | None:
        found: datetime | None = self._session.value(_NEXT_DUE)
        return None if found is None else found.astimezone(UTC)

    def unapproved(self, now: datetime) -> list[JobRecord]:
        return self._records(self._session.rows(_UNAPPROVED, now))

    def _lock(self, record: JobRecord) -> None:
        """Let nobody else change the run of *record* from now on.

        Raises:
            BeyondReach: The transaction may not change it.
            Overtaken: It was changed since this transaction has looked it up.
        """
        self._session.lock_run(run_of(record))
        if before := self._forget_unguarded(record.number):
            self.find(record.number)
            if self._known.get(record.number) != before:
                raise Overtaken
        self._session.begin_change(run=run_of(record))

    def _forget_unguarded(self, number: int) -> JobDocuments | None:
        """Forget what was looked up of an execution before others were kept from changing it, and return that."""
        if number not in self._unguarded:
            return None
        self._unguarded.discard(number)
        return self._known.pop(number)

    def _stored(self, number: int) -> StoredJob | None:
        """Return what is stored, or was put by this transaction."""
        if number not in self._known and number <= self.last_number():
            self.find(number)
        documents = self._known.get(number)
        return None if documents is None else StoredJob.of(documents)

    def _oldest_first(self, statement: str, *values: object) -> Iterator[JobRecord]:
        def page(last: JobRecord | None, size: int) -> list[JobRecord]:
            after = 0 if last is None else last.number
            return self._records(self._session.rows(statement, *values, after, size))

        return self._session.paged(page)

    def _newest_first(self, statement: str, *values: object, before: int) -> Iterator[JobRecord]:
        def page(last: JobRecord | None, size: int) -> list[JobRecord]:
            below = capped(before) if last is None else last.number
            return self._records(self._session.rows(statement, *values, below, size))

        return self._session.paged(page)

    def _records(self, rows: list[Row]) -> list[JobRecord]:
        found = [JobDocuments(spec, progress) for spec, progress in rows]
        records = [documents.record() for documents in found]
        if self._session.can_change:
            self._known.update(zip((record.number for record in records), found, strict=True))
            self._unguarded.update(record.number for record in records if not self._session.covers(run_of(record)))
        return records


def _is_claimable(job: JobRecord) -> bool:
    return job.status is JobStatus.QUEUED and not job.is_blocked and job.not_before is None
