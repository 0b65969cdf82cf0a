"""Stores of each kind, closed and opened again on the same data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cictl_server.store.contract import Store
from cictl_server.store.tiny import TinyStore
from cictl_testing.stores.repeating import RepeatingStore

OPENERS: dict[str, Callable[[Path], Store]] = {"tiny": TinyStore.open, "repeating": RepeatingStore.open}
"""Every implementation of the contract, by name."""


class Reopenable:
    """One place that data lives in; `store` is the store open on it."""

    def __init__(self, opener: Callable[[Path], Store], directory: Path) -> None:
        self._opener = opener
        self._directory = directory
        self.store = opener(directory)

    def reopen(self) -> Store:
        self.store.close()
        self.store = self._opener(self._directory)
        return self.store
