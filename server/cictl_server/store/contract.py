"""The contract of the store: what services may rely on, whatever keeps the data.

The docstrings here are the specification; `tests/store/` runs one suite against every implementation. The contract knows
transactions, typed records and claims, but no files or locks: TinyDB with a journal implements it, and PostgreSQL.

    StoreError
    ├── StoreLocked      another server uses the data
    ├── StoreTooNew      written by a newer cictl
    ├── StoreCorrupt     damaged beyond a torn last entry
    ├── StoreAway        the database does not answer; in `cictl_server.errors`
    └── StoreFailed      a write failed; changes are refused until the store is opened again
        └── StoreFull    it failed for want of space; the next change is tried again
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import ClassVar, TypeVar

import msgspec

from cictl.base.system.durable import flush_file
from cictl.wire.problems import Code
from cictl_server.errors import ROOM_HINT, StoreError
from cictl_server.store.records.agents import AgentRecord
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.projects import ProjectRecord, ScheduleRecord
from cictl_server.store.records.secrets import SecretRecord, VaultConnectionRecord
from cictl_server.store.records.settings import AnswerRecord, SettingRecord
from cictl_server.store.records.statuses import StatusRecord
from cictl_server.store.tables import (
    Artifacts,
    Audit,
    Chains,
    Jobs,
    Notifications,
    NumberedTable,
    Pipelines,
    Runs,
    Table,
    Tests,
    Tokens,
)

T = TypeVar("T")


class StoreLocked(StoreError):
    def __init__(self, where: str) -> None:
        super().__init__(f"{where} is in use by another server", hint="stop it, or choose another --data-dir")


class StoreTooNew(StoreError):
    def __init__(self, where: str, *, found: int, known: int) -> None:
        super().__init__(
            f"{where} has schema {found}; this cictl knows schemas up to {known}", hint="install a newer cictl"
        )
        self.where = where
        self.found = found
        self.known = known


class StoreCorrupt(StoreError):
    def __init__(self, where: str, detail: str) -> None:
        super().__init__(
            f"{where} is damaged: {detail}", hint="`cictl store check` looks closer; `cictl store restore` a backup"
        )
        self.where = where
        self.detail = detail


class StoreFailed(StoreError):
    """A write failed. Reads still work, and nothing acknowledged is lost."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"the store refuses changes: {detail}", hint="mend the cause, then restart the server")


class StoreFull(StoreFailed):
    """There is no space for a change. The store tries again at the next one, and goes on once there is."""

    code = Code.STORE_FULL

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.hint = ROOM_HINT


class View(ABC):
    """A consistent picture of all tables, as of the moment the transaction began."""

    jobs: Jobs
    runs: Runs
    tests: Tests
    agents: Table[str, AgentRecord]
    projects: NumberedTable[ProjectRecord]
    pipelines: Pipelines
    chains: Chains
    artifacts: Artifacts
    settings: Table[str, SettingRecord]
    answers: Table[str, AnswerRecord]
    vault_connections: NumberedTable[VaultConnectionRecord]
    secrets: NumberedTable[SecretRecord]
    schedules: NumberedTable[ScheduleRecord]
    statuses: Table[str, StatusRecord]
    tokens: Tokens
    audit: Audit
    notifications: Notifications

    def foresee(self, *questions: Callable[[View], object]) -> None:  # noqa: B027 most stores have nothing to fetch
        """Tell what is going to be looked up, so that a store far away can fetch all of it together. No answer changes by it.

        Args:
            questions: Each looks one thing up, and may be run several times or not at all.
        """


class ShortFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is not durable yet, and so short that a store may put it into its journal.

    Attributes:
        path: Where it is; for a store in a directory, below that.
        content: All of it.
    """

    path: Path
    content: bytes


class Transaction(View):
    """A View that can change: `put` and `delete` work, and are seen by later reads in the same transaction."""

    def take_along(self, file: ShortFile, *, job: JobRecord) -> None:
        """Make *file*, whose bytes do not change any more, durable with the changes of this transaction.

        A journal takes its bytes, so it waits for no flush of its own. Another store flushes it here.

        Args:
            job: The execution that it belongs to, which this transaction changes.
        """
        flush_file(file.path)

    @abstractmethod
    def after_commit(self, action: Callable[[], None]) -> None:
        """Run *action* once the changes are durable, on the committing thread, before `Store.write` returns.

        Only the actions of the run that was committed count, and each of them runs once.
        """


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """How far a change reaches, so that a store may let others go on beside it.

    Attributes:
        agent: The agent whose executions it looks at.
        job: An execution that it changes, perhaps together with others of its run.
        is_claim: It takes executions out of the queue, for its agent.
    """

    agent: str
    job: JobRecord | None = None
    is_claim: bool = False


class StoreFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a store since it was opened, and its size.

    Attributes:
        commits: Transactions that changed something.
        flushes: How often it waited for the disk; `flush_seconds` is how long in all.
        sizes: Bytes of each part, as far as they cost nothing to know.
        connections: With a database, how many connections are `open` in all and how many of them `idle`, how many requests are
            `waiting` for one, and how many were `lost`.
    """

    commits: int
    flushes: int
    flush_seconds: float
    sizes: Mapping[str, int]
    connections: Mapping[str, int] = msgspec.field(default_factory=dict)


class Store(ABC):
    """Keeps records durably.

    Transactions of `write` are serialised: each sees all earlier ones. Those that tell their reach see all earlier ones that change
    what they reach: the executions of their agent, those of their execution's run, the queue if they claim. A `read` sees the committed past, and perhaps changes
    that are about to become durable. A transaction belongs to one thread, must be short (no I/O, no waiting) and is not
    nested.

    Attributes:
        kind: Its name in what the server tells of itself.
    """

    kind: ClassVar[str]

    @abstractmethod
    def read(self) -> AbstractContextManager[View]: ...

    @abstractmethod
    def look(self, question: Callable[[View], T]) -> T:
        """Return the result of *question*, which looks one thing up, at the least cost there is.

        Further look-ups in it may find a later state than the first, so ask those with `read`. *question* may be run again.
        """

    @abstractmethod
    def write(self, change: Callable[[Transaction], T], *, reach: Reach | None = None) -> T:
        """Run *change*, make what it changed durable, and return its result.

        Once this returns, the changes survive kill -9 and power loss. If *change* raises, none of them happened. Commits of
        several threads share one flush to disk.

        Args:
            change: Reads and changes records through its transaction, and does nothing else: a run may be undone, and then
                *change* is run again from its start, on the same thread, and may find other records. So it keeps nothing
                from a run but its result. What has to happen once, such as deleting a file, waking somebody or writing a
                line of the log, goes into `Transaction.after_commit`.
            reach: What it looks at and changes, beside records of other kinds that it only looks at; None for anything. If it
                turns out to change more, it is run again as if it had told nothing.

        Raises:
            StoreFailed: An earlier or this transaction could not be made durable. Nothing of this one is acknowledged.
        """

    def together(self) -> AbstractContextManager[None]:
        """Let the changes of this thread within the block wait for the disk once, at the block's end.

        Until then they may be lost, and their `after_commit` may not have run yet. So nothing of them is told to anybody, and nothing is waited
        for, before the block has ended. If it raises, the changes that were made stay made. Blocks are not nested. A store that gains nothing
        by it makes each change durable at once.

        Raises:
            StoreFailed: As `write`, for all changes of the block that were not durable already.
        """
        return nullcontext()

    @abstractmethod
    def before_commit(self, action: Callable[[Transaction], None]) -> None:
        """Run *action* at the end of each later transaction that changed something, as a part of it.

        It belongs to the change: it runs again with it, and does nothing else either.
        """

    @abstractmethod
    def before_rerun(self, mark: Callable[[], Callable[[], None]]) -> None:
        """Call *mark* ahead of each later change that may run again, and what it returned before each further run.

        So what a run left outside of the store, for `before_commit`, can be taken back to where it was.
        """

    @abstractmethod
    def check(self) -> None:
        """Return if changes are accepted, as far as that is known without making one.

        Raises:
            StoreFailed: As `write` would.
        """

    @abstractmethod
    def figures(self) -> StoreFigures: ...

    @abstractmethod
    def close(self) -> None:
        """Flush and release everything; the store cannot be used afterwards. Closing twice is fine."""
