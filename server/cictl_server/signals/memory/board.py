"""A board in the memory of one server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from cictl_server.signals.contract import Board

T = TypeVar("T", bound=msgspec.Struct)
R = TypeVar("R")


class MemoryBoard(Board[T]):
    def __init__(self) -> None:
        self._states: dict[str, T] = {}
        self._lock = threading.Lock()

    def find(self, key: str) -> T | None:
        return self._states.get(key)

    def fetch(self, key: str) -> T | None:
        return self._states.get(key)

    def states(self) -> Mapping[str, T]:
        with self._lock:
            return dict(self._states)

    def change(self, key: str, change: Callable[[T | None], tuple[T | None, R]]) -> R:
        with self._lock:
            state, result = change(self._states.get(key))
            self._put(key, state)
        return result

    def gather(self, key: str, change: Callable[[T | None], T | None], *, replaces: str = "") -> None:
        with self._lock:
            self._put(key, change(self._states.get(key)))

    def remove(self, key: str) -> None:
        with self._lock:
            self._states.pop(key, None)

    def _put(self, key: str, state: T | None) -> None:
        if state is None:
            self._states.pop(key, None)
        else:
            self._states[key] = state
