"""The default store: typed records and indexes in memory over TinyDB's data, with a journal on disk."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from cictl.base.json_errors import NOT_OF_TYPE
from cictl_server.store.contract import Reach, ShortFile, Store, StoreCorrupt, StoreFigures, Transaction, View
from cictl_server.store.records.agents import AgentRecord
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.projects import ChainRecord, ProjectRecord, ScheduleRecord
from cictl_server.store.records.secrets import SecretRecord, VaultConnectionRecord
from cictl_server.store.records.settings import AnswerRecord, SettingRecord
from cictl_server.store.records.statuses import StatusRecord
from cictl_server.store.tiny.engine import COMPACTION_BYTES, Engine
from cictl_server.store.tiny.rows import (
    TinyArtifacts,
    TinyAudit,
    TinyChains,
    TinyJobs,
    TinyNamed,
    TinyNotifications,
    TinyNumbered,
    TinyPipelines,
    TinyRuns,
    TinyTests,
    TinyTokens,
)
from cictl_server.store.tiny.table import EngineDB

T = TypeVar("T")


class _Transaction(Transaction):
    """The tables and their indexes: one object for the life of the store, which every transaction hands out.

    Building the indexes anew for each transaction would be far too slow. Sharing them is safe because whoever reads or
    writes holds the engine's lock. Only `actions` belongs to a single transaction.
    """

    def __init__(self, engine: Engine) -> None:
        self.jobs = TinyJobs(engine)
        self.runs = TinyRuns(engine)
        self.tests = TinyTests(engine)
        self.agents = TinyNamed(engine, "agents", AgentRecord, key=lambda agent: agent.agent_id)
        self.projects = TinyNumbered(engine, "projects", ProjectRecord, key=lambda project: project.id)
        self.pipelines = TinyPipelines(engine)
        self.chains = TinyChains(engine, "chains", ChainRecord, key=lambda chain: chain.id)
        self.artifacts = TinyArtifacts(engine)
        self.settings = TinyNamed(engine, "settings", SettingRecord, key=lambda setting: setting.key)
        self.answers = TinyNamed(engine, "answers", AnswerRecord, key=lambda answer: answer.key)
        self.vault_connections = TinyNumbered(engine, "vault_connections", VaultConnectionRecord, key=lambda c: c.id)
        self.secrets = TinyNumbered(engine, "secrets", SecretRecord, key=lambda secret: secret.id)
        self.schedules = TinyNumbered(engine, "schedules", ScheduleRecord, key=lambda schedule: schedule.id)
        self.statuses = TinyNamed(engine, "statuses", StatusRecord, key=lambda status: status.key)
        self.tokens = TinyTokens(engine)
        self.audit = TinyAudit(engine)
        self.notifications = TinyNotifications(engine)
        self.actions: list[Callable[[], None]] = []
        self._engine = engine

    def take_along(self, file: ShortFile, *, job: JobRecord) -> None:
        self._engine.take_along(file.path, file.content, job=job.number)

    def after_commit(self, action: Callable[[], None]) -> None:
        self.actions.append(action)


class _Groups(threading.local):
    """What finishes each change that the present thread made in a block of `together`; None outside of one."""

    present: list[Callable[[], None]] | None = None


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector away during the block: it would walk over what is being loaded again and again."""
    is_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_on:
            gc.enable()


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
        self._groups = _Groups()
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
        with _uncollected():
            engine = Engine(directory, compaction_bytes=compaction_bytes)
            try:
                store = cls(engine, is_long_lived=is_long_lived)
            except NOT_OF_TYPE as error:
                engine.close(compacts=False)
                raise StoreCorrupt(str(engine.snapshot_path), f"a document is not one of cictl's: {error}") from error
            engine.seal()
            if is_long_lived:
                gc.freeze()  # what was loaded stays: walking over it in each full collection would cost 100 ms and more
        return store

    @contextmanager
    def read(self) -> Iterator[View]:
        """Hold the lock during the block, so that iterators stay valid. Keep the block short."""
        with self._engine.lock:
            yield self._transaction

    def look(self, question: Callable[[View], T]) -> T:
        with self._engine.lock:
            return question(self._transaction)

    def write(self, change: Callable[[Transaction], T], *, reach: Reach | None = None) -> T:
        """Run *change* once, whatever its reach: the lock of the engine keeps everybody else away, so nothing can undo a run but its own error."""
        # The list is kept here too: the lock is released before the wait for the disk, and by then another thread may
        # have put its own list into the shared transaction. The actions run once the changes are durable, without a lock.
        tickets: list[int] = []
        actions: list[Callable[[], None]] = []
        with self._engine.transaction(later=tickets.append):
            self._transaction.actions = actions
            result = self._run(change)
        if self._groups.present is None:
            self._finish(tickets, actions)
        else:
            self._groups.present.append(partial(self._finish, tickets, actions))
        return result

    @contextmanager
    def together(self) -> Iterator[None]:
        """Finish the changes of the block at its end, in their order: the flush that makes the first one durable takes all of them."""
        with ExitStack() as unfinished:  # so each is finished, whatever becomes of the others
            group = self._groups.present = []
            try:
                yield
            finally:
                self._groups.present = None
                for finish in reversed(group):
                    unfinished.callback(finish)

    def _finish(self, tickets: Iterable[int], actions: Iterable[Callable[[], None]]) -> None:
        """Wait until a change is durable, then do what it wanted done."""
        for ticket in tickets:
            self._engine.wait(ticket)
        for action in actions:
            action()

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
