"""A store that runs every change twice, as one may whose transactions can fail at their commit."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar, TypeVar

from cictl_server.store.contract import Reach, Transaction
from cictl_server.store.tiny.engine import Engine
from cictl_server.store.tiny.store import TinyStore

T = TypeVar("T")


class _Undone(Exception):
    """Ends the first run of a change."""


class RepeatingStore(TinyStore):
    """Undoes the first run of each change, and runs the change again. So it finds what a change does that must happen once.

    Attributes:
        sites: The file and line of each call of `write` in this process.
    """

    sites: ClassVar[set[tuple[str, int]]] = set()

    def __init__(self, engine: Engine, *, is_long_lived: bool = False) -> None:
        super().__init__(engine, is_long_lived=is_long_lived)
        self._marks: list[Callable[[], Callable[[], None]]] = []

    def write(self, change: Callable[[Transaction], T], *, reach: Reach | None = None) -> T:
        caller = sys._getframe(1)
        self.sites.add((caller.f_code.co_filename, caller.f_lineno))
        undos = [mark() for mark in self._marks]
        with suppress(_Undone), self._engine.transaction():
            self._transaction.actions = []
            self._run(change)
            raise _Undone
        for undo in undos:
            undo()
        return super().write(change, reach=reach)

    def before_rerun(self, mark: Callable[[], Callable[[], None]]) -> None:
        self._marks.append(mark)
