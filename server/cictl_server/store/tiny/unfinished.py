"""The mark of a store that is being filled with the content of another place. A store that has it is not whole."""

from __future__ import annotations

from cictl_server.errors import StoreError
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.settings import SettingRecord

UNFINISHED_COPY = "unfinished_copy"
"""The key of the setting, whose value tells where the content comes from."""


class CopyUnfinished(StoreError):
    def __init__(self, where: str, source: str) -> None:
        super().__init__(
            f"{where} is not whole: a copy from {source} into it was interrupted",
            hint="run the same `cictl store copy` again; it goes on where it was",
        )


def source_of_copy(view: View) -> str:
    """Return where the content is being copied from; empty if the store is whole."""
    mark = view.settings.find(UNFINISHED_COPY)
    return mark.value if mark else ""


def mark_unfinished(tx: Transaction, source: str) -> None:
    tx.settings.put(SettingRecord(key=UNFINISHED_COPY, value=source))


def mark_finished(tx: Transaction) -> None:
    tx.settings.delete(UNFINISHED_COPY)


def refuse_unfinished(store: Store, *, where: str) -> None:
    """Return if *store* is whole.

    Raises:
        CopyUnfinished: It is not.
    """
    if source := store.look(source_of_copy):
        raise CopyUnfinished(where, source)
