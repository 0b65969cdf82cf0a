"""Documents in memory, every change of which is in the journal: the part that knows durability and no types."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import msgspec

from cictl_server.store import snapshot
from cictl_server.store.contract import StoreCorrupt, StoreLocked
from cictl_server.store.journal import Entry, Journal, encode_entry
from cictl_server.store.snapshot import SCHEMA, Meta, Tables

logger = logging.getLogger(__name__)

COMPACTION_BYTES = 8 << 20
"""The journal may grow to this, and to the size of the snapshot, before a new snapshot is written."""

_GONE = msgspec.Raw(b"null")

Change = tuple[str, int, bytes | None, bytes | None]
"""Table, document id, the document before and after; None for absent."""


class Engine:
    """The tables of one data directory.

    Changes are made between `begin` and `commit` or `roll_back`, under `lock`; whoever observes them registers with
    `observe`, and sees the undoing too.
    """

    def __init__(self, directory: Path, *, compaction_bytes: int = COMPACTION_BYTES) -> None:
        """Open *directory*, creating it if need be.

        Raises:
            StoreLocked, StoreTooNew, StoreCorrupt: As the contract says; nothing is changed then.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self.tables: Tables = {}
        self._snapshot = directory / "state.json"
        self._compaction_bytes = compaction_bytes
        self._changes: list[Change] = []
        self._observers: list[Callable[[Change], None]] = []
        self._compactor: threading.Thread | None = None
        self._is_closed = False
        self._file_lock = _lock(directory)
        try:
            self._load(directory / "state.journal")
        except BaseException:
            self._file_lock.release()
            raise
        gc.collect()
        gc.freeze()  # what was loaded stays: walking over it in each full collection would cost 100 ms and more

    def observe(self, observer: Callable[[Change], None]) -> None:
        """Call *observer* with each change, from now on."""
        self._observers.append(observer)

    def last_id(self, table: str) -> int:
        return self._last_ids.get(table, 0)

    def put(self, table: str, key: int, document: bytes) -> None:
        """Insert or replace a document within the present transaction."""
        self._apply((table, key, self._table(table).get(key), document))

    def delete(self, table: str, key: int) -> bool:
        """Remove a document within the present transaction, and tell whether it was there."""
        before = self._table(table).get(key)
        if before is None:
            return False
        self._apply((table, key, before, None))
        return True

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the changes of the block one durable step, or none of them.

        Raises:
            StoreFailed: They could not be made durable.
        """
        with self.lock:
            self._journal.check()
            assert not self._changes, "transactions do not nest"
            try:
                yield
            except BaseException:
                self._roll_back()
                raise
            ticket = self._append()
        if ticket is not None:
            self._journal.wait(ticket)
            self._compact_if_due()

    def compact(self) -> None:
        """Write a snapshot, then drop from the journal what it holds. Writers go on meanwhile."""
        with self.lock:
            tables = {name: dict(table) for name, table in self.tables.items()}
            meta = Meta(schema=SCHEMA, sequence=self._sequence, last_ids=dict(self._last_ids))
            covered = self._journal.size
        self._journal.drain()
        snapshot.write(self._snapshot, meta, tables)
        self._journal.drop_head(covered)

    def close(self) -> None:
        """Compact and let go of the directory; twice is fine."""
        with self.lock:
            if self._is_closed:
                return
            self._is_closed = True
            compactor = self._compactor
        if compactor is not None:
            compactor.join()
        try:
            if self._journal.size and not self._journal.has_failed:
                self.compact()
        finally:
            self._journal.close()
            self._file_lock.release()

    def _load(self, journal: Path) -> None:
        meta, self.tables = snapshot.read(self._snapshot)
        self._sequence = meta.sequence
        self._last_ids = dict(meta.last_ids)
        self._journal = Journal(journal)
        try:
            for entry in self._journal.replay():
                self._replay(entry, journal)
        except BaseException:
            self._journal.close()
            raise

    def _replay(self, entry: Entry, journal: Path) -> None:
        if entry.sequence <= self._sequence:
            return  # the snapshot was written, but the journal not yet shortened
        if entry.sequence != self._sequence + 1:
            raise StoreCorrupt(str(journal), f"transaction {self._sequence + 1} is missing")
        self._sequence = entry.sequence
        for table, key, document in entry.changes:
            if document == _GONE:
                self._table(table).pop(key, None)
            else:
                self._table(table)[key] = bytes(document)
                self._last_ids[table] = max(self._last_ids.get(table, 0), key)

    def _table(self, name: str) -> dict[int, bytes]:
        return self.tables.setdefault(name, {})

    def _apply(self, change: Change) -> None:
        self._store(change)
        self._changes.append(change)

    def _store(self, change: Change) -> None:
        table, key, _, after = change
        if after is None:
            del self._table(table)[key]
        else:
            self._table(table)[key] = after
            self._last_ids[table] = max(self._last_ids.get(table, 0), key)
        for observer in self._observers:
            observer(change)

    def _roll_back(self) -> None:
        changes, self._changes = self._changes, []
        for table, key, before, after in reversed(changes):
            self._store((table, key, after, before))

    def _append(self) -> int | None:
        """Queue the present changes for the journal; None when there are none."""
        if not self._changes:
            return None
        final = {(table, key): after for table, key, _, after in self._changes}
        changes = [
            (table, key, _GONE if after is None else msgspec.Raw(after)) for (table, key), after in final.items()
        ]
        try:
            ticket = self._journal.append(encode_entry(Entry(self._sequence + 1, changes)))
        except BaseException:
            self._roll_back()
            raise
        self._sequence += 1
        self._changes = []
        return ticket

    def _compact_if_due(self) -> None:
        if self._journal.size <= self._compaction_bytes:
            return
        with self.lock:
            is_running = self._compactor is not None and self._compactor.is_alive()
            if self._is_closed or is_running or self._journal.size <= self._snapshot_size():
                return
            self._compactor = threading.Thread(target=self._compact_in_background, name="compactor")
            self._compactor.start()

    def _compact_in_background(self) -> None:
        try:
            self.compact()
        except Exception:
            # The journal has everything; it only grows until a later compaction succeeds.
            logger.exception("compaction failed path=%s", self._snapshot)

    def _snapshot_size(self) -> int:
        try:
            return self._snapshot.stat().st_size
        except FileNotFoundError:
            return 0


def _lock(directory: Path) -> filelock.BaseFileLock:
    lock = filelock.FileLock(directory / "lock", mode=0o600, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise StoreLocked(str(directory)) from None
    return lock
