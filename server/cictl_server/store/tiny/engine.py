"""Documents in memory, with every change in the journal: the part that knows durability and no types."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import msgspec

import cictl
from cictl.base.system.durable import sync_directory
from cictl_server.store.contract import StoreCorrupt, StoreFailed, StoreFigures, StoreLocked
from cictl_server.store.tiny import snapshot
from cictl_server.store.tiny.journal import FileAlong, Journal, JournalEntry, encode_entry
from cictl_server.store.tiny.picture import Picture
from cictl_server.store.tiny.short_files import ShortFiles
from cictl_server.store.tiny.snapshot import SCHEMA, Meta, Tables

logger = logging.getLogger(__name__)

COMPACTION_BYTES = 8 << 20
"""A new snapshot is written once the journal exceeds both this and the size of the last snapshot."""

RESTORING = "restoring"
"""A file of this name marks a directory whose content is being replaced: its files may belong to two databases."""

_GONE = msgspec.Raw(b"null")

Change = tuple[str, int, bytes | None, bytes | None]
"""Table, document id, the document before and after; None for absent."""

Observer = Callable[[Change], None]


class Engine:
    """The tables of one data directory.

    Changes are made in a `transaction`; reading takes `lock`. Indexes register with `observe`; they are also called when
    a change is undone.

    Attributes:
        tables: Documents as JSON by table and id. Read only, and under `lock`.
        snapshot_path: `state.json`.
    """

    _journal: Journal
    _sequence: int
    _last_ids: dict[str, int]
    _compaction_due: int
    _is_sealed: bool
    _is_checked: bool

    def __init__(self, directory: Path, *, compaction_bytes: int = COMPACTION_BYTES) -> None:
        """Open *directory*, creating it if need be.

        Raises:
            StoreLocked, StoreTooNew, StoreCorrupt: As the contract says; nothing is changed then.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self.tables: Tables = {}
        self.snapshot_path = directory / "state.json"
        self._compaction_bytes = compaction_bytes
        self._observers: defaultdict[str, list[Observer]] = defaultdict(list)
        """Those of each table."""
        self._pictures: list[Picture] = []
        """Those that are being read."""
        self._changes: list[Change] | None = None
        """The changes of the present transaction; None outside of one."""
        self._files = ShortFiles(directory)
        self._along: list[FileAlong] = []
        """The files that come along with the present transaction."""
        self._unflushed: deque[tuple[int, list[Change]]] = deque()
        """The changes of each ticket that may not be durable yet, to undo them if the journal fails."""
        self._in_flight: set[int] = set()
        """The tickets of transactions that do not know yet whether they are durable."""
        self._compacting = threading.Lock()
        self._compactor: threading.Thread | None = None
        self._closed = threading.Event()
        """Set as soon as the engine is being closed: then a compaction does not rest any more."""
        self._replayed: set[tuple[str, int]] = set()
        self._file_lock = _lock(directory)
        try:
            self._load(directory)
        except BaseException:
            self._file_lock.release()
            raise

    def is_checked(self, table: str, key: int) -> bool:
        """Tell whether this version of cictl has checked a document that was there at the opening, before it wrote the snapshot."""
        return self._is_checked and (table, key) not in self._replayed

    def observe(self, table: str, observer: Observer) -> None:
        """Call *observer* with each further change of *table* before it is made. If it raises, the change is not made."""
        self._observers[table].append(observer)

    def last_id(self, table: str) -> int:
        """Return the highest document id that *table* ever had or handed out."""
        return self._last_ids.get(table, 0)

    def next_id(self, table: str) -> int:
        """Return a document id that *table* never had."""
        with self.lock:
            self._last_ids[table] = self.last_id(table) + 1
            return self._last_ids[table]

    def put(self, table: str, key: int, document: bytes) -> None:
        """Insert or replace a document within the present transaction."""
        self._apply((table, key, self._table(table).get(key), document))

    def use_ids(self, table: str, up_to: int) -> None:
        """Hand out none of these document ids any more, durably with the present transaction."""
        if up_to > self.last_id(table):
            self._apply((table, up_to, None, None))

    def delete(self, table: str, key: int) -> bool:
        """Remove a document within the present transaction, and tell whether it was there."""
        before = self._table(table).get(key)
        if before is None:
            return False
        self._apply((table, key, before, None))
        return True

    def take_along(self, path: Path, content: bytes, *, job: int) -> None:
        """Make a file of this execution durable with the changes of the present transaction, of which there are some."""
        self._along.append(self._files.along(path, content, job=job))

    @property
    def has_changes(self) -> bool:
        """Whether the present transaction has changed something so far."""
        return bool(self._changes)

    @contextmanager
    def transaction(self, *, later: Callable[[int], None] | None = None) -> Iterator[None]:
        """Make the changes of the block one durable step, or none of them.

        Args:
            later: Takes the ticket of the changes, if there are any, for the caller to `wait` for; without it they are waited for here.

        Raises:
            StoreFailed: They could not be made durable.
        """
        # Group commit. The lock gives the order and is released before the wait for the disk, so further transactions
        # append their lines meanwhile, and the next flush takes all of them: many writers share few flushes.
        # The price: others see these changes before they are durable. If the flush fails, this one and all after it are
        # undone, newest first, because later ones may rest on it; none of them was acknowledged.
        # Locks are taken in one order: `lock`, then the journal's own. Nothing takes `lock` while it holds that one.
        with self.lock:
            ticket = yield from self._in_order()
        if ticket is None:
            return
        if later is None:
            self.wait(ticket)
        else:
            later(ticket)

    def wait(self, ticket: int) -> None:
        """Return once the changes of a ticket are durable. Each ticket has to be waited for once.

        Raises:
            StoreFailed: They could not be made durable.
        """
        try:
            self._journal.wait(ticket)
        finally:
            # Not under the lock: those whose changes one flush has made durable would stand in line for it again.
            if self._journal.has_failed:
                self._undo_unflushed()
            self._in_flight.discard(ticket)
        if self._journal.size > self._compaction_due:
            self._start_compaction()

    def seal(self) -> None:
        """Rewrite a snapshot that has no checksum. A failure is logged; the next opening tries again."""
        if not self._is_sealed:
            self._compact_or_log()

    def compact(self) -> None:
        """Write a snapshot, then drop what it holds from the journal. Writers go on meanwhile.

        Raises:
            OSError: The snapshot could not be written; nothing has changed.
            StoreFailed: The journal has failed.
        """
        with self._compacting:
            with self.lock:
                picture = Picture(self.tables, self.lock)
                self._pictures.append(picture)
                meta = Meta(
                    schema=SCHEMA, sequence=self._sequence, last_ids=dict(self._last_ids), version=cictl.__version__
                )
                covered = self._journal.size
            # The state may be ahead of the disk. A snapshot must never hold what a failed flush undoes, so the
            # journal is made durable first. A crash before `drop_head` leaves lines that the snapshot has already; they
            # are recognised by their numbers and skipped, and so are the files in them: these are flushed before.
            try:
                try:
                    self._journal.drain()
                    self._files.flush()
                    size = snapshot.write(self.snapshot_path, meta, picture.tables(), rest=self._closed.wait)
                finally:
                    with self.lock:
                        self._pictures.remove(picture)
                self._journal.drop_head(covered)
            except BaseException:
                self._compaction_due = self._journal.size + self._compaction_bytes  # do not try again at each commit
                raise
            self._compaction_due = max(self._compaction_bytes, size)
            logger.info("compacted path=%s bytes=%d sequence=%d", self.snapshot_path, size, meta.sequence)

    def check(self) -> None:
        """Raise StoreFailed if changes are refused."""
        if self._closed.is_set():
            raise StoreFailed("it is closed")
        if self._journal.is_full:
            self._go_on()
        self._journal.check()

    def _go_on(self) -> None:
        """After a full disk accept changes again if there is space, once everybody knows of the failure."""
        with self.lock:
            # A compaction may have copied changes that were undone since then; it has to notice the failure first.
            if self._in_flight or self._changes is not None or not self._compacting.acquire(blocking=False):
                return
            try:
                self._undo_unflushed()
                self._sequence -= self._journal.go_on() or 0
                self._files.take_back(after=self._sequence)
            finally:
                self._compacting.release()

    def figures(self) -> StoreFigures:
        snapshot_size = self.snapshot_path.stat().st_size if self.snapshot_path.exists() else 0
        return StoreFigures(
            commits=self._journal.appended,
            flushes=self._journal.flushes,
            flush_seconds=self._journal.flush_seconds,
            sizes={"snapshot": snapshot_size, "journal": self._journal.size},
        )

    def close(self, *, compacts: bool = True) -> None:
        """Compact if *compacts*, and release the directory. Closing twice is fine."""
        with self.lock:
            if self._closed.is_set():
                return
            self._closed.set()
        if self._compactor is not None:
            self._compactor.join()
        try:
            if compacts and self._journal.size and not self._journal.has_failed:
                self._compact_or_log()
        finally:
            self._files.close()
            self._journal.close()
            self._file_lock.release()

    def _load(self, directory: Path) -> None:
        if (directory / RESTORING).exists():
            raise StoreCorrupt(str(directory), "restoring a backup was interrupted")
        meta, self.tables, self._is_sealed = snapshot.read(self.snapshot_path)
        self._is_checked = self._is_sealed and meta.version == cictl.__version__
        self._sequence = meta.sequence
        self._last_ids = dict(meta.last_ids)
        for name, table in self.tables.items():
            self._last_ids[name] = max(
                self.last_id(name), max(table, default=0)
            )  # stock TinyDB may have added documents
        size = self.snapshot_path.stat().st_size if self.tables else 0
        self._compaction_due = max(self._compaction_bytes, size)
        self._journal = Journal(directory / "state.journal")
        try:
            sync_directory(directory)
            files: list[tuple[int, FileAlong]] = []
            for entry in self._journal.replay(after=self._sequence):
                self._replay(entry)
                files += [(entry.sequence, file) for file in entry.files]
            self._files.restore(files, is_there=lambda number: number in self.tables.get("jobs", {}))
        except BaseException:
            self._journal.close()
            raise

    def _replay(self, entry: JournalEntry) -> None:
        self._sequence = entry.sequence
        for table, key, document in entry.changes:
            self._last_ids[table] = max(self.last_id(table), key)
            self._replayed.add((table, key))
            if document == _GONE:
                self._table(table).pop(key, None)
            else:
                self._table(table)[key] = bytes(document)

    def _table(self, name: str) -> dict[int, bytes]:
        return self.tables.setdefault(name, {})

    def _apply(self, change: Change) -> None:
        assert self._changes is not None, "changes need a write transaction"
        self._make(change)
        self._changes.append(change)
        self._last_ids[change[0]] = max(self.last_id(change[0]), change[1])

    def _make(self, change: Change) -> None:
        table, key, _, after = change
        for observer in self._observers[table]:
            observer(change)
        for picture in self._pictures:
            picture.note(change)
        if after is None:
            self._table(table).pop(key, None)
        else:
            self._table(table)[key] = after

    def _undo(self, changes: list[Change]) -> None:
        for table, key, before, after in reversed(changes):
            self._make((table, key, after, before))

    def _in_order(self) -> Generator[None, None, int | None]:
        """Run the block of a transaction under the lock, and return its ticket; None when it changed nothing."""
        self.check()
        assert self._changes is None, "transactions do not nest"
        changes: list[Change] = []
        self._changes, self._along = changes, []
        last_ids = dict(self._last_ids)
        try:
            yield
            return self._append(changes)
        except BaseException:
            self._undo(changes)
            self._last_ids = last_ids
            raise
        finally:
            self._changes = None

    def _append(self, changes: list[Change]) -> int | None:
        if not changes:
            return None
        final = {(table, key): after for table, key, _, after in changes}
        document = [
            (table, key, _GONE if after is None else msgspec.Raw(after)) for (table, key), after in final.items()
        ]
        ticket = self._journal.append(encode_entry(JournalEntry(self._sequence + 1, document, self._along)))
        self._sequence += 1
        if self._along:
            self._files.note(self._sequence, self._along)
        while self._unflushed and self._unflushed[0][0] <= self._journal.durable:
            self._unflushed.popleft()
        self._unflushed.append((ticket, changes))
        self._in_flight.add(ticket)
        return ticket

    def _undo_unflushed(self) -> None:
        """Undo what did not become durable, newest first. None of it was acknowledged."""
        with self.lock:
            while self._unflushed and self._unflushed[-1][0] > self._journal.durable:
                self._undo(self._unflushed.pop()[1])

    def _start_compaction(self) -> None:
        with self.lock:
            is_running = self._compactor is not None and self._compactor.is_alive()
            if not self._closed.is_set() and not is_running:
                self._compactor = threading.Thread(target=self._compact_or_log, name="compactor")
                self._compactor.start()

    def _compact_or_log(self) -> None:
        try:
            self.compact()
        except (OSError, StoreFailed):
            # The journal has everything; it only grows until a later compaction succeeds.
            logger.exception("compaction failed path=%s", self.snapshot_path)


def _lock(directory: Path) -> filelock.BaseFileLock:
    lock = filelock.FileLock(directory / "lock", mode=0o600, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise StoreLocked(str(directory)) from None
    return lock
