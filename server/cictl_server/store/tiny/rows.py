"""The tables of the store in files: typed records over TinyDB's documents, with their indexes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

import msgspec
from sortedcontainers import SortedSet

from cictl.base.typed_json import json_decoder
from cictl.wire.audit.records import AuditRecord
from cictl.wire.jobs import JobStatus
from cictl_server.store.index_parts import NameCounts
from cictl_server.store.indexes import JobIndex, NotificationIndex, PastJob, RunIndex, TestIndex
from cictl_server.store.records.artifacts import ArtifactsRecord
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.notifications import NotificationRecord
from cictl_server.store.records.projects import ChainRecord, PipelineRecord
from cictl_server.store.records.runs import RunRecord
from cictl_server.store.records.settings import TokenRecord
from cictl_server.store.tables import (
    Artifacts,
    Audit,
    Chains,
    Jobs,
    Kind,
    Notifications,
    NumberedTable,
    Pipelines,
    RunFilter,
    Runs,
    Table,
    TestFilter,
    Tests,
    Tokens,
)
from cictl_server.store.tiny.engine import Change, Engine
from cictl_server.store.tried import TriedTest

R = TypeVar("R", bound=msgspec.Struct)

_REMEMBERED = 256


class TinyRows(Table[int, R]):
    """The typed records of one table. Each read decodes anew, so nobody shares a record with the store."""

    def __init__(self, engine: Engine, name: str, type_: type[R], *, key: Callable[[R], int]) -> None:
        self._engine = engine
        self._name = name
        self._decoder = json_decoder(type_)
        self._key = key

    @property
    def _documents(self) -> Mapping[int, bytes]:
        return self._engine.tables.get(self._name, {})

    def find(self, key: int) -> R | None:
        document = self._documents.get(key)
        return None if document is None else self._decoder.decode(document)

    def get_all(self, keys: Iterator[int]) -> Iterator[R]:
        documents = self._documents
        return (self._decoder.decode(documents[key]) for key in keys)

    def iter_all(self) -> Iterator[R]:
        return self.get_all(iter(sorted(self._documents)))

    def count(self) -> int:
        return len(self._documents)

    def put(self, record: R) -> None:
        key = self._key(record)
        document = msgspec.json.encode(record)
        if self._documents.get(key) != document:
            self._engine.put(self._name, key, document)

    def delete(self, key: int) -> bool:
        return self._engine.delete(self._name, key)

    def last_number(self) -> int:
        return self._engine.last_id(self._name)


class TinyChecked(TinyRows[R]):
    """Records whose key is the id of their document. What is none of them, or has another number, is refused.

    TinyDB's own API checks neither, and what is not refused here would fail whoever reads it.
    """

    def __init__(self, engine: Engine, name: str, type_: type[R], *, key: Callable[[R], int]) -> None:
        super().__init__(engine, name, type_, key=key)
        self._fill(self._documents.items())
        engine.observe(name, self._follow)

    def _fill(self, documents: Iterable[tuple[int, bytes]]) -> None:
        """Build what is kept beside the documents, at the opening."""
        for number, document in documents:
            self._note(None, self._checked(number, document))

    def _note(self, before: R | None, after: R | None) -> None:
        """Bring what is kept beside the documents up to date with a change."""

    def _follow(self, change: Change) -> None:
        _, number, before, after = change
        self._note(
            None if before is None else self._checked(number, before),
            None if after is None else self._checked(number, after),
        )

    def _checked(self, number: int, document: bytes) -> R:
        record = self._decoder.decode(document)
        if self._key(record) != number:
            raise msgspec.ValidationError(f"document {number} of {self._name} has the number {self._key(record)}")
        return record


class TinyNumbered(TinyChecked[R], NumberedTable[R]):
    def next_id(self) -> int:
        return self._engine.next_id(self._name)

    def last_id(self) -> int:
        return self.last_number()

    def use_ids(self, up_to: int) -> None:
        self._engine.use_ids(self._name, up_to)


class TinyArtifacts(TinyChecked[ArtifactsRecord], Artifacts):
    def __init__(self, engine: Engine) -> None:
        self._bytes: Counter[str] = Counter()
        super().__init__(engine, "artifacts", ArtifactsRecord, key=lambda artifacts: artifacts.number)

    def bytes_of_project(self, project: str) -> int:
        return self._bytes[project]

    def _note(self, before: ArtifactsRecord | None, after: ArtifactsRecord | None) -> None:
        if before is not None:
            self._bytes[before.project] -= before.bytes
        if after is not None:
            self._bytes[after.project] += after.bytes


class TinyPipelines(TinyNumbered[PipelineRecord], Pipelines):
    def __init__(self, engine: Engine) -> None:
        self._tools = NameCounts()
        super().__init__(engine, "pipelines", PipelineRecord, key=lambda pipeline: pipeline.id)

    def of_project(self, project_id: int) -> list[PipelineRecord]:
        found = [p for p in self.iter_all() if p.project_id == project_id]
        return sorted(found, key=lambda p: p.definition.id.encode())

    def required_tools(self) -> frozenset[str]:
        return self._tools.names

    def _note(self, before: PipelineRecord | None, after: PipelineRecord | None) -> None:
        self._tools.change(_tools_of(before), _tools_of(after))


def _tools_of(pipeline: PipelineRecord | None) -> frozenset[str]:
    return frozenset(tool for job in (pipeline.jobs if pipeline else ()) for tool in job.host_tools)


class TinyChains(TinyNumbered[ChainRecord], Chains):
    def of_project(self, project_id: int) -> list[ChainRecord]:
        found = [c for c in self.iter_all() if c.project_id == project_id]
        return sorted(found, key=lambda c: c.chain_id.encode())


class TinyNamed(Table[str, R]):
    """Records whose key is text; TinyDB's document ids are numbers."""

    def __init__(self, engine: Engine, name: str, type_: type[R], *, key: Callable[[R], str]) -> None:
        self._engine = engine
        self._name = name
        self._key = key
        self._numbers: dict[str, int] = {}
        self._decoder = json_decoder(type_)
        self._rows = TinyRows(engine, name, type_, key=self._number)
        for number, document in engine.tables.get(name, {}).items():
            self._numbers[self._free_key_in(document, number)] = number
        engine.observe(name, self._follow)

    def find(self, key: str) -> R | None:
        number = self._numbers.get(key)
        return None if number is None else self._rows.find(number)

    def iter_all(self) -> Iterator[R]:
        return self._rows.get_all(number for _, number in sorted(self._numbers.items()))

    def count(self) -> int:
        return len(self._numbers)

    def put(self, record: R) -> None:
        self._rows.put(record)

    def delete(self, key: str) -> bool:
        number = self._numbers.get(key)
        return number is not None and self._rows.delete(number)

    def _number(self, record: R) -> int:
        return self._numbers.get(self._key(record)) or self._engine.last_id(self._name) + 1

    def _key_in(self, document: bytes) -> str:
        return self._key(self._decoder.decode(document))

    def _free_key_in(self, document: bytes, number: int) -> str:
        """Return the key of *document*, and refuse one that another document has: TinyDB's own API does not check that."""
        key = self._key_in(document)
        if self._numbers.get(key, number) != number:
            raise msgspec.ValidationError(f"two documents of {self._name} are {key}")
        return key

    def _follow(self, change: Change) -> None:
        _, number, before, after = change
        key = None if after is None else self._free_key_in(after, number)
        if before is not None:
            self._numbers.pop(self._key_in(before), None)
        if key is not None:
            self._numbers[key] = number


class TinyJobs(TinyChecked[JobRecord], Jobs):
    def __init__(self, engine: Engine) -> None:
        self._index = JobIndex()
        self._changed: dict[int, tuple[bytes, JobRecord]] = {}
        """Executions that changed last and are not over, as documents and as records: they are likely to change again. For the indexes alone."""
        super().__init__(engine, "jobs", JobRecord, key=lambda job: job.number)

    def use_numbers(self, up_to: int) -> None:
        self._engine.use_ids(self._name, up_to)

    def count_by_status(self) -> dict[JobStatus, int]:
        return {status: len(self._index.by_status.get(status)) for status in JobStatus}

    def with_status(self, status: JobStatus) -> Iterator[JobRecord]:
        return self.get_all(iter(self._index.by_status.get(status)))

    def newest_first(
        self, *, before: int | None = None, statuses: frozenset[JobStatus] | None = None
    ) -> Iterator[JobRecord]:
        wanted = frozenset(JobStatus) if statuses is None else statuses
        return self.get_all(self._index.newest_first(before=before, statuses=wanted))

    def active_of_agent(self, agent_id: str) -> list[JobRecord]:
        return list(self.get_all(iter(self._index.active_by_agent.get(agent_id))))

    def with_job_token(self, digest: str) -> JobRecord | None:
        return next(self.get_all(iter(self._index.active_by_token.get(digest))), None)

    def of_agent(self, agent_id: str) -> list[JobRecord]:
        return list(self.get_all(iter(self._index.by_agent.get(agent_id))))

    def of_run(self, pipeline_run_id: str) -> list[JobRecord]:
        return list(self.get_all(iter(self._index.by_run.get(pipeline_run_id))))

    def blocked_of_run(self, pipeline_run_id: str) -> list[JobRecord]:
        return list(self.get_all(iter(self._index.blocked_by_run.get(pipeline_run_id))))

    def unfinished_of_run(self, pipeline_run_id: str) -> Iterator[JobRecord]:
        return self.get_all(iter(self._index.unfinished_by_run.get(pipeline_run_id)))

    def of_run_number(self, run_number: str) -> list[JobRecord]:
        return list(self.get_all(iter(self._index.by_run_number.get(run_number))))

    def of_chain_run(self, chain_run_id: str) -> list[JobRecord]:
        return list(self.get_all(iter(self._index.by_chain_run.get(chain_run_id))))

    def blocked_of_chain_run(self, chain_run_id: str) -> Iterator[JobRecord]:
        return self.get_all(iter(self._index.blocked_by_chain_run.get(chain_run_id)))

    def unfinished_of_chain_run(self, chain_run_id: str) -> Iterator[JobRecord]:
        return self.get_all(iter(self._index.unfinished_by_chain_run.get(chain_run_id)))

    def of_pipeline(self, project_id: str, pipeline_id: str) -> Iterator[JobRecord]:
        return self.get_all(reversed(self._index.by_pipeline.get((project_id, pipeline_id))))

    def claimable(self, accepts: Callable[[Kind], bool]) -> JobRecord | None:
        number = self._index.claimable(accepts)
        return None if number is None else self.find(number)

    def is_any_claimable(self, accepts: Callable[[Kind], bool]) -> bool:
        return self._index.is_any_claimable(accepts)

    def count_claimable(self) -> int:
        return self._index.count_claimable()

    def count_active_by_queue(self) -> Mapping[str, int]:
        return self._index.active_of_queues.by_queue

    def with_locks(self, host: str) -> list[JobRecord]:
        return list(self.get_all(iter(self._index.active_by_lock_host.get(host))))

    def with_place(self, group: str) -> list[JobRecord]:
        return list(self.get_all(iter(self._index.groups.with_place(group))))

    def in_line(self, group: str) -> Iterator[JobRecord]:
        return self.get_all(self._index.groups.in_line(group))

    def count_unfinished(self, queue_scope: str, run_key: str) -> int:
        return self._index.unfinished_runs.size(queue_scope, run_key)

    def count_unfinished_runs(self, queue_scope: str) -> int:
        return self._index.unfinished_runs.count(queue_scope)

    def required_tools(self) -> frozenset[str]:
        return self._index.queued_tools.names

    def due(self, now: datetime) -> list[JobRecord]:
        return list(self.get_all(self._index.due(now)))

    def next_due(self) -> datetime | None:
        return self._index.next_due()

    def unapproved(self, now: datetime) -> list[JobRecord]:
        return list(self.get_all(self._index.unapproved(now)))

    def _fill(self, documents: Iterable[tuple[int, bytes]]) -> None:
        past = json_decoder(PastJob)
        self._index.fill(self._past_or_whole(past, number, document) for number, document in documents)

    def _past_or_whole(self, past: msgspec.json.Decoder[PastJob], number: int, document: bytes) -> PastJob | JobRecord:
        """Decode no more of an execution than the indexes need, if it is over and is known to be a record."""
        if self._engine.is_checked(self._name, number):
            job = past.decode(document)
            if job.status.is_terminal:
                return job
        return self._checked(number, document)

    def _follow(self, change: Change) -> None:
        _, number, before, after = change
        known, old = self._changed.pop(number, (None, None))
        if known is not before:
            old = None if before is None else self._checked(number, before)
        new = None if after is None else self._checked(number, after)
        self._index.change(old, new)
        if after is not None and new is not None and not new.status.is_terminal:
            if len(self._changed) >= _REMEMBERED:
                self._changed.clear()
            self._changed[number] = after, new


class TinyRuns(TinyChecked[RunRecord], Runs):
    def __init__(self, engine: Engine) -> None:
        self._index = RunIndex()
        super().__init__(engine, "runs", RunRecord, key=lambda run: run.number)

    def newest_first(self, where: RunFilter, *, before: int | None = None) -> Iterator[RunRecord]:
        place = (where.project, where.pipeline, where.branch)
        return self.get_all(self._index.newest_first(place, where.statuses, before=before))

    def _fill(self, documents: Iterable[tuple[int, bytes]]) -> None:
        self._index.fill(self._checked(number, document) for number, document in documents)

    def _note(self, before: RunRecord | None, after: RunRecord | None) -> None:
        self._index.change(before, after)


class TinyTests(TinyNamed[TriedTest], Tests):
    def __init__(self, engine: Engine) -> None:
        self._index = TestIndex()
        super().__init__(engine, "tests", TriedTest, key=lambda test: test.key)
        for document in engine.tables.get("tests", {}).values():
            self._index.change(None, self._decoder.decode(document))
        engine.observe("tests", self._follow_tests)

    def find_all(self, keys: Collection[str]) -> dict[str, TriedTest]:
        return {key: test for key in keys if (test := self.find(key)) is not None}

    def in_order(self, where: TestFilter, *, after: TriedTest | None = None) -> Iterator[TriedTest]:
        return self._get_all(self._index.in_order(where.project, where.pipeline, where.is_flaky, after))

    def slowest_first(self, where: TestFilter) -> Iterator[TriedTest]:
        found = self._get_all(self._index.slowest_first(where.project, where.pipeline))
        return (test for test in found if test.flaky or not where.is_flaky)

    def named(self, name: str) -> list[TriedTest]:
        return sorted(self._get_all(self._index.named(name)), key=lambda test: test.order)

    def _get_all(self, keys: Iterable[str]) -> Iterator[TriedTest]:
        return self._rows.get_all(self._numbers[key] for key in keys)

    def _follow_tests(self, change: Change) -> None:
        _, _, before, after = change
        self._index.change(
            None if before is None else self._decoder.decode(before),
            None if after is None else self._decoder.decode(after),
        )


class TinyTokens(TinyNumbered[TokenRecord], Tokens):
    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, "tokens", TokenRecord, key=lambda token: token.id)
        self._ids = {self._decoder.decode(document).digest: key for key, document in self._documents.items()}

    def with_digest(self, digest: str) -> TokenRecord | None:
        key = self._ids.get(digest)
        return None if key is None else self.find(key)

    def _follow(self, change: Change) -> None:
        _, key, before, after = change
        if before is not None:
            self._ids.pop(self._decoder.decode(before).digest, None)
        if after is not None:
            self._ids[self._decoder.decode(after).digest] = key


class TinyAudit(TinyNumbered[AuditRecord], Audit):
    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, "audit", AuditRecord, key=lambda record: record.id)
        self._numbers: SortedSet[int] = SortedSet(self._documents)

    def oldest_first(self, *, after: int = 0) -> Iterator[AuditRecord]:
        return self.get_all(self._numbers.irange(minimum=after + 1))

    def newest_first(self, *, before: int | None = None) -> Iterator[AuditRecord]:
        return self.get_all(self._numbers.irange(maximum=None if before is None else before - 1, reverse=True))

    def _follow(self, change: Change) -> None:
        _, key, _, after = change
        (self._numbers.discard if after is None else self._numbers.add)(key)


class TinyNotifications(TinyNumbered[NotificationRecord], Notifications):
    def __init__(self, engine: Engine) -> None:
        self._index = NotificationIndex()
        super().__init__(engine, "notifications", NotificationRecord, key=lambda record: record.id)

    def heads(self) -> list[NotificationRecord]:
        return list(self.get_all(numbers[0] for _, numbers in self._index.waiting.items()))

    def waiting_in(self, queue: str) -> list[NotificationRecord]:
        return list(self.get_all(iter(self._index.waiting.get(queue))))

    def count_waiting(self, queue: str) -> int:
        return len(self._index.waiting.get(queue))

    def newest_first(self, *, before: int | None = None) -> Iterator[NotificationRecord]:
        return self.get_all(self._index.newest_first(before=before))

    def _note(self, before: NotificationRecord | None, after: NotificationRecord | None) -> None:
        self._index.change(before, after)
