"""Copying records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cictl_server.store.contract import Store, Transaction
from cictl_server.transfer.errors import CopyDiffers
from cictl_server.transfer.tables import BATCH, KINDS, Kind, TableSum, table_sum

Tell = Callable[[str], None]
"""Gets a line about what was done."""


def copy_records(source: Store, target: Store, tell: Tell) -> None:
    """Make every table of *target* that of *source*. Records that are there already, by a copy that was interrupted, stay."""
    for kind in KINDS:
        _remove_others(kind, source, target)
        count = _copy_table(kind, source, target)
        if count:
            tell(f"copied {count} records of {kind.name}")


def compare_records(source: Store, target: Store) -> dict[str, int]:
    """Return the number of records of each table, once both stores were read through and have the same.

    Raises:
        CopyDiffers: They have not.
    """
    counts = {}
    for kind in KINDS:
        here, there = _sum(kind, source), _sum(kind, target)
        if here != there:
            raise CopyDiffers(f"{kind.name}: {there.count} records of {here.count}, or others")
        counts[kind.name] = here.count
    return counts


def _copy_table(kind: Kind, source: Store, target: Store) -> int:
    count = 0
    with source.read() as view:
        for batch in kind.batches(view):
            target.write(_putting(kind, batch))
            count += len(batch)
        last = kind.last_id(view)
    target.write(lambda tx: kind.use_ids(tx, last))
    return count


def _remove_others(kind: Kind, source: Store, target: Store) -> None:
    """Remove what *source* had when an interrupted copy read it, and has no more."""
    with target.read() as view:
        present = [kind.key(record) for record in kind.records(view)]
    with source.read() as view:
        gone = [key for key in present if kind.of(view).find(key) is None]
    for start in range(0, len(gone), BATCH):
        target.write(_deleting(kind, gone[start : start + BATCH]))


def _putting(kind: Kind, records: list[Any]) -> Callable[[Transaction], None]:
    def change(tx: Transaction) -> None:
        for record in records:
            kind.of(tx).put(record)

    return change


def _deleting(kind: Kind, keys: list[Any]) -> Callable[[Transaction], None]:
    def change(tx: Transaction) -> None:
        for key in keys:
            kind.of(tx).delete(key)

    return change


def _sum(kind: Kind, store: Store) -> TableSum:
    with store.read() as view:
        return table_sum(kind, view)
