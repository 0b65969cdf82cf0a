"""The default store: typed records and indexes in memory over TinyDB's data, with a journal on disk."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec
from sortedcontainers import SortedSet

from cictl.base.json_errors import NOT_OF_TYPE
from cictl.base.typed_json import json_decoder
from cictl.wire.audit.records import AuditRecord
from cictl.wire.jobs import JobStatus
from cictl_server.store.contract import (
    Artifacts,
    Audit,
    Chains,
    Jobs,
    Kind,
    Notifications,
    NumberedTable,
    Pipelines,
    Reach,
    RunFilter,
    Runs,
    Store,
    StoreCorrupt,
    StoreFigures,
    Table,
    TestFilter,
    Tests,
    Tokens,
    Transaction,
    View,
)
from cictl_server.store.forge_records import StatusRecord
from cictl_server.store.indexes import JobIndex, NameCounts, NotificationIndex, RunIndex, TestIndex
from cictl_server.store.notification_records import NotificationRecord
from cictl_server.store.records import (
    AgentRecord,
    AnswerRecord,
    ArtifactsRecord,
    ChainRecord,
    JobRecord,
    PipelineRecord,
    ProjectRecord,
    ScheduleRecord,
    SecretRecord,
    SettingRecord,
    TokenRecord,
    VaultConnectionRecord,
)
from cictl_server.store.run_records import RunRecord
from cictl_server.store.tiny.engine import COMPACTION_BYTES, Change, Engine
from cictl_server.store.tiny.table import EngineDB
from cictl_server.store.tried import TriedTest

R = TypeVar("R", bound=msgspec.Struct)
T = TypeVar("T")


class _Rows(Table[int, R]):
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


class _Checked(_Rows[R]):
    """Records whose key is the id of their document. What is none of them, or has another number, is refused.

    TinyDB's own API checks neither, and what is not refused here would fail whoever reads it.
    """

    def __init__(self, engine: Engine, name: str, type_: type[R], *, key: Callable[[R], int]) -> None:
        super().__init__(engine, name, type_, key=key)
        for number, document in self._documents.items():
            self._note(None, self._checked(number, document))
        engine.observe(self._follow)

    def _note(self, before: R | None, after: R | None) -> None:
        """Bring what is kept beside the documents up to date with a change."""

    def _follow(self, change: Change) -> None:
        table, number, before, after = change
        if table == self._name:
            self._note(self._checked(number, before), self._checked(number, after))

    def _checked(self, number: int, document: bytes | None) -> R | None:
        record = None if document is None else self._decoder.decode(document)
        if record is not None and self._key(record) != number:
            raise msgspec.ValidationError(f"document {number} of {self._name} has the number {self._key(record)}")
        return record


class _Numbered(_Checked[R], NumberedTable[R]):
    def next_id(self) -> int:
        return self._engine.next_id(self._name)

    def last_id(self) -> int:
        return self.last_number()

    def use_ids(self, up_to: int) -> None:
        self._engine.use_ids(self._name, up_to)


class _Artifacts(_Checked[ArtifactsRecord], Artifacts):
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


class _Pipelines(_Numbered[PipelineRecord], Pipelines):
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


class _Chains(_Numbered[ChainRecord], Chains):
    def of_project(self, project_id: int) -> list[ChainRecord]:
        found = [c for c in self.iter_all() if c.project_id == project_id]
        return sorted(found, key=lambda c: c.chain_id.encode())


class _Named(Table[str, R]):
    """Records whose key is text; TinyDB's document ids are numbers."""

    def __init__(self, engine: Engine, name: str, type_: type[R], *, key: Callable[[R], str]) -> None:
        self._engine = engine
        self._name = name
        self._key = key
        self._numbers: dict[str, int] = {}
        self._decoder = json_decoder(type_)
        self._rows = _Rows(engine, name, type_, key=self._number)
        for number, document in engine.tables.get(name, {}).items():
            self._numbers[self._free_key_in(document, number)] = number
        engine.observe(self._follow)

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
        table, number, before, after = change
        if table != self._name:
            return
        key = None if after is None else self._free_key_in(after, number)
        if before is not None:
            self._numbers.pop(self._key_in(before), None)
        if key is not None:
            self._numbers[key] = number


class _Jobs(_Checked[JobRecord], Jobs):
    def __init__(self, engine: Engine) -> None:
        self._index = JobIndex()
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

    def count_claimable(self) -> int:
        return self._index.count_claimable()

    def count_active_by_queue(self) -> Mapping[str, int]:
        return self._index.active_of_queues

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

    def _note(self, before: JobRecord | None, after: JobRecord | None) -> None:
        self._index.change(before, after)


class _Runs(_Checked[RunRecord], Runs):
    def __init__(self, engine: Engine) -> None:
        self._index = RunIndex()
        super().__init__(engine, "runs", RunRecord, key=lambda run: run.number)

    def newest_first(self, where: RunFilter, *, before: int | None = None) -> Iterator[RunRecord]:
        place = (where.project, where.pipeline, where.branch)
        return self.get_all(self._index.newest_first(place, where.statuses, before=before))

    def _note(self, before: RunRecord | None, after: RunRecord | None) -> None:
        self._index.change(before, after)


class _Tests(_Named[TriedTest], Tests):
    def __init__(self, engine: Engine) -> None:
        self._index = TestIndex()
        super().__init__(engine, "tests", TriedTest, key=lambda test: test.key)
        for document in engine.tables.get("tests", {}).values():
            self._index.change(None, self._decoder.decode(document))
        engine.observe(self._follow_tests)

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
        table, _, before, after = change
        if table == self._name:
            self._index.change(
                None if before is None else self._decoder.decode(before),
                None if after is None else self._decoder.decode(after),
            )


class _Tokens(_Numbered[TokenRecord], Tokens):
    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, "tokens", TokenRecord, key=lambda token: token.id)
        self._ids = {self._decoder.decode(document).digest: key for key, document in self._documents.items()}
        engine.observe(self._follow)

    def with_digest(self, digest: str) -> TokenRecord | None:
        key = self._ids.get(digest)
        return None if key is None else self.find(key)

    def _follow(self, change: Change) -> None:
        table, key, before, after = change
        if table != self._name:
            return
        if before is not None:
            self._ids.pop(self._decoder.decode(before).digest, None)
        if after is not None:
            self._ids[self._decoder.decode(after).digest] = key


class _Audit(_Numbered[AuditRecord], Audit):
    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, "audit", AuditRecord, key=lambda record: record.id)
        self._numbers: SortedSet[int] = SortedSet(self._documents)
        engine.observe(self._follow)

    def oldest_first(self, *, after: int = 0) -> Iterator[AuditRecord]:
        return self.get_all(self._numbers.irange(minimum=after + 1))

    def newest_first(self, *, before: int | None = None) -> Iterator[AuditRecord]:
        return self.get_all(self._numbers.irange(maximum=None if before is None else before - 1, reverse=True))

    def _follow(self, change: Change) -> None:
        table, key, _, after = change
        if table == self._name:
            (self._numbers.discard if after is None else self._numbers.add)(key)


class _Notifications(_Numbered[NotificationRecord], Notifications):
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


class _Transaction(Transaction):
    """The tables and their indexes: one object for the life of the store, which every transaction hands out.

    Building the indexes anew for each transaction would be far too slow. Sharing them is safe because whoever reads or
    writes holds the engine's lock. Only `actions` belongs to a single transaction.
    """

    def __init__(self, engine: Engine) -> None:
        self.jobs = _Jobs(engine)
        self.runs = _Runs(engine)
        self.tests = _Tests(engine)
        self.agents = _Named(engine, "agents", AgentRecord, key=lambda agent: agent.agent_id)
        self.projects = _Numbered(engine, "projects", ProjectRecord, key=lambda project: project.id)
        self.pipelines = _Pipelines(engine)
        self.chains = _Chains(engine, "chains", ChainRecord, key=lambda chain: chain.id)
        self.artifacts = _Artifacts(engine)
        self.settings = _Named(engine, "settings", SettingRecord, key=lambda setting: setting.key)
        self.answers = _Named(engine, "answers", AnswerRecord, key=lambda answer: answer.key)
        self.vault_connections = _Numbered(engine, "vault_connections", VaultConnectionRecord, key=lambda c: c.id)
        self.secrets = _Numbered(engine, "secrets", SecretRecord, key=lambda secret: secret.id)
        self.schedules = _Numbered(engine, "schedules", ScheduleRecord, key=lambda schedule: schedule.id)
        self.statuses = _Named(engine, "statuses", StatusRecord, key=lambda status: status.key)
        self.tokens = _Tokens(engine)
        self.audit = _Audit(engine)
        self.notifications = _Notifications(engine)
        self.actions: list[Callable[[], None]] = []

    def after_commit(self, action: Callable[[], None]) -> None:
        self.actions.append(action)


class TinyStore(Store):
    """The store of one data directory.

    Attributes:
        db: The same data through TinyDB's own API, for tools. Its changes are as durable.
    """

    kind = "tinydb"

    def __init__(self, engine: Engine, *, is_long_lived: bool = False) -> None:
        self._engine = engine
        self._is_long_lived = is_long_lived
        self._transaction = _Transaction(engine)
        self._last_steps: list[Callable[[Transaction], None]] = []
        self.db = EngineDB(engine)

    @classmethod
    def open(
        cls, directory: Path, *, compaction_bytes: int = COMPACTION_BYTES, is_long_lived: bool = False
    ) -> TinyStore:
        """Open or create the data in *directory*.

        Args:
            compaction_bytes: The journal is compacted once it exceeds this and the size of the snapshot.
            is_long_lived: The process serves this data: its garbage collector skips what exists now, until `close`.

        Raises:
            StoreLocked, StoreTooNew, StoreCorrupt: As the contract says.
        """
        engine = Engine(directory, compaction_bytes=compaction_bytes)
        try:
            store = cls(engine, is_long_lived=is_long_lived)
        except NOT_OF_TYPE as error:
            engine.close(compacts=False)
            raise StoreCorrupt(str(engine.snapshot_path), f"a document is not one of cictl's: {error}") from error
        engine.seal()
        if is_long_lived:
            gc.collect()
            gc.freeze()  # what was loaded stays: walking over it in each full collection would cost 100 ms and more
        return store

    @contextmanager
    def read(self) -> Iterator[View]:
        """Hold the lock during the block, so that iterators stay valid. Keep the block short."""
        with self._engine.lock:
            yield self._transaction

    def look(self, question: Callable[[View], T]) -> T:
        with self.read() as view:
            return question(view)

    def write(self, change: Callable[[Transaction], T], *, reach: Reach | None = None) -> T:
        """Run *change* once, whatever its reach: the lock of the engine keeps everybody else away, so nothing can undo a run but its own error."""
        # The list is kept here too: the lock is released before the wait for the disk, and by then another thread may
        # have put its own list into the shared transaction. The actions run once the changes are durable, without a lock.
        actions: list[Callable[[], None]] = []
        with self._engine.transaction():
            self._transaction.actions = actions
            result = self._run(change)
        for action in actions:
            action()
        return result

    def _run(self, change: Callable[[Transaction], T]) -> T:
        """Run *change* and what `before_commit` added to it, in the transaction of the engine."""
        result = change(self._transaction)
        if self._engine.has_changes:
            for step in self._last_steps:
                step(self._transaction)
        return result

    def before_commit(self, action: Callable[[Transaction], None]) -> None:
        self._last_steps.append(action)

    def before_rerun(self, mark: Callable[[], Callable[[], None]]) -> None:
        """No change runs again here, so nothing has to be taken back."""

    def compact(self) -> None:
        """Write a snapshot now and shorten the journal; writers go on meanwhile."""
        self._engine.compact()

    def check(self) -> None:
        self._engine.check()

    def figures(self) -> StoreFigures:
        return self._engine.figures()

    def close(self) -> None:
        self._engine.close()
        if self._is_long_lived:
            gc.unfreeze()

    def __enter__(self) -> TinyStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
