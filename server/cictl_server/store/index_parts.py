"""What the indexes are made of: sorted sets of values, and counts, each by some key."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from sortedcontainers import SortedList

T = TypeVar("T", int, tuple[int, int, int], tuple[int, bool, int, int])

_LONG = 1000
"""More values than this are in a `SortedList`, where a removal from the front moves only some of the others."""


class SortedGroups(Generic[T]):
    """Sets of values by some key, each in ascending order. A key without values takes no room.

    Most sets are short and get their next value at the end. These are plain lists: a `SortedList` takes some ten times the room and time.
    """

    def __init__(self) -> None:
        self._groups: dict[Hashable, list[T] | SortedList[T]] = {}

    def add(self, key: Hashable, number: T) -> None:
        group = self._groups.get(key)
        if group is None:
            self._groups[key] = [number]
        elif isinstance(group, list):
            insort(group, number)
            self._fit(key, group)
        else:
            group.add(number)

    def add_all(self, numbers: Mapping[Hashable, list[T]]) -> None:
        """Add many values, none of which is there yet. The lists belong to the index from now on."""
        for key, group in numbers.items():
            group += self._groups.get(key, ())
            group.sort()
            self._groups[key] = group
            self._fit(key, group)

    def discard(self, key: Hashable, number: T) -> None:
        group = self._groups[key]
        group.remove(number)
        if not group:
            del self._groups[key]

    def get(self, key: Hashable) -> Sequence[T]:
        return self._groups.get(key, ())

    def descending(self, key: Hashable, *, maximum: T | None) -> Iterator[T]:
        """Yield the values up to *maximum*, None for all; lazily."""
        group = self._groups.get(key, [])
        if not isinstance(group, list):
            return group.irange(maximum=maximum, reverse=True)
        return reversed(group if maximum is None else group[: bisect_right(group, maximum)])

    def items(self) -> Iterable[tuple[Hashable, Sequence[T]]]:
        return self._groups.items()

    def _fit(self, key: Hashable, group: list[T]) -> None:
        if len(group) > _LONG:
            self._groups[key] = SortedList(group)


class NumberGroups(SortedGroups[int]):
    """Numbers of executions by some key."""


class NameCounts:
    """How many documents have each name."""

    def __init__(self) -> None:
        self.names: frozenset[str] = frozenset()
        """All names. The same object until one comes or goes, so that who made something of it sees that nothing changed."""
        self._counts: Counter[str] = Counter()

    def change(self, before: Collection[str], after: Collection[str]) -> None:
        """Count one document whose names change from *before* to *after*."""
        for name in after:
            self._counts[name] += 1
        for name in before:
            self._counts[name] -= 1
        gone = [name for name in before if not self._counts[name]]
        for name in gone:
            del self._counts[name]
        if gone or not self.names.issuperset(after):
            self.names = frozenset(self._counts)


class RunCounts:
    """How many executions of each run are not over, and how many runs of each queue."""

    def __init__(self) -> None:
        self._sizes: Counter[tuple[str, str]] = Counter()
        self._runs: Counter[str] = Counter()

    def size(self, scope: str, run: str) -> int:
        return self._sizes.get((scope, run), 0)

    def count(self, scope: str) -> int:
        return self._runs.get(scope, 0)

    def add(self, scope: str, run: str) -> None:
        self._sizes[scope, run] += 1
        if self._sizes[scope, run] == 1:
            self._runs[scope] += 1

    def discard(self, scope: str, run: str) -> None:
        self._sizes[scope, run] -= 1
        if not self._sizes[scope, run]:
            del self._sizes[scope, run]
            self._runs[scope] -= 1
            if not self._runs[scope]:
                del self._runs[scope]


class QueueCounts:
    """How many executions of each queue an agent has.

    Attributes:
        by_queue: Those numbers; a queue without any is not in it.
    """

    def __init__(self) -> None:
        self.by_queue: Counter[str] = Counter()

    def add(self, queue: str, _number: int) -> None:
        self.by_queue[queue] += 1

    def discard(self, queue: str, _number: int) -> None:
        self.by_queue[queue] -= 1
        if not self.by_queue[queue]:
            del self.by_queue[queue]


class Index(Protocol):
    """Values by some key."""

    def add(self, key: Any, value: Any, /) -> None: ...

    def discard(self, key: Any, value: Any, /) -> None: ...


Entry = tuple[Index, Hashable, Hashable]
"""One value in an index, with its key."""
