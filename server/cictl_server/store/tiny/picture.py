"""The documents as they are at one moment, read bit by bit while they change."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

Rows = list[tuple[int, bytes]]

_ROWS_PER_BLOCK = 100
"""So many rows are taken at a time, for which writers wait a tenth of a millisecond at most."""


class Picture:
    """The tables at the moment at which the picture was made.

    Documents are not copied for it. `note` keeps what changes replace afterwards, so its memory grows with the changes that are made
    while it is read.
    """

    def __init__(self, tables: Mapping[str, Mapping[int, bytes]], lock: threading.RLock) -> None:
        """Make a picture of *tables*, which change under *lock* alone. The caller holds it."""
        self._tables = tables
        self._lock = lock
        self._keys = {name: list(table) for name, table in tables.items()}
        self._replaced: dict[tuple[str, int], bytes | None] = {}

    def note(self, change: tuple[str, int, bytes | None, bytes | None]) -> None:
        """Keep what a change is about to replace; the first such value of a document is that of the picture."""
        table, key, before, _ = change
        self._replaced.setdefault((table, key), before)

    def tables(self) -> Iterator[tuple[str, Iterator[Rows]]]:
        """Yield the name of each table and its rows, some at a time."""
        for name, keys in self._keys.items():
            yield name, self._rows(name, keys)

    def _rows(self, name: str, keys: list[int]) -> Iterator[Rows]:
        for start in range(0, len(keys), _ROWS_PER_BLOCK):
            with self._lock:
                table = self._tables[name]
                found = (
                    (key, self._replaced.get((name, key), table.get(key)))
                    for key in keys[start : start + _ROWS_PER_BLOCK]
                )
                rows = [(key, document) for key, document in found if document is not None]
            yield rows
