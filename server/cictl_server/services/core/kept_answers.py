"""How many answers are kept for `Idempotency-Key`, and whose must go when there are too many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import takewhile

import msgspec

_ROOM = 0.9
"""What is left of a bound once room was made, so that not every further request has to make room again."""


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """The most answers, and the most bytes of their bodies."""

    answers: int
    bytes: int


OF_ALL = Bound(answers=20_000, bytes=32 << 20)
OF_CALLER = Bound(answers=5_000, bytes=8 << 20)


class _Origin(msgspec.Struct, frozen=True, kw_only=True):
    caller: str
    created: datetime


class KeptAnswers:
    """What must be known of all kept answers to bound them, in memory, so that nothing walks through the store."""

    def __init__(self) -> None:
        self._origins: dict[str, _Origin] = {}
        self._all = _Shelf(OF_ALL)
        self._of: defaultdict[str, _Shelf] = defaultdict(lambda: _Shelf(OF_CALLER))

    def add(self, answer_id: str, *, caller: str, created: datetime, size: int) -> None:
        """Count an answer of *size* bytes, which is younger than all that were added before."""
        self._origins[answer_id] = _Origin(caller=caller, created=created)
        self.resize(answer_id, size)

    def resize(self, answer_id: str, size: int) -> None:
        """Note that an answer now has *size* bytes."""
        self._all.put(answer_id, size)
        self._of[self._origins[answer_id].caller].put(answer_id, size)

    def older_than(self, limit: datetime) -> list[str]:
        """Return the answers that were begun before *limit*."""
        old = takewhile(lambda each: each[1].created < limit, self._origins.items())
        return [answer_id for answer_id, _ in old]

    def remove(self, answer_ids: Iterable[str]) -> None:
        for answer_id in answer_ids:
            origin = self._origins.pop(answer_id, None)
            if origin is None:
                continue  # it grew too old meanwhile
            self._all.remove(answer_id)
            self._of[origin.caller].remove(answer_id)
            if not self._of[origin.caller]:
                del self._of[origin.caller]

    def too_many(self, caller: str, *, needed: Collection[str], servers: int = 1) -> list[str]:
        """Return the answers that must go before *caller* gets another one: the oldest of its own, then of all.

        Args:
            needed: Those of requests that are being answered; they stay.
            servers: How many servers share the bounds; each has an equal part.
        """
        own = self._of[caller].too_many(needed, servers=servers) if caller in self._of else []
        return list(dict.fromkeys([*own, *self._all.too_many(needed, servers=servers)]))

    def excess(self, *, needed: Collection[str]) -> list[str]:
        """Return the answers that must go before anybody gets another one, as `too_many` does."""
        of_callers = [answer_id for shelf in self._of.values() for answer_id in shelf.too_many(needed)]
        return list(dict.fromkeys([*of_callers, *self._all.too_many(needed)]))


class _Shelf:
    """The sizes of answers by id, oldest first."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self._sizes: dict[str, int] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._sizes)

    def put(self, answer_id: str, size: int) -> None:
        self._bytes += size - self._sizes.get(answer_id, 0)
        self._sizes[answer_id] = size

    def remove(self, answer_id: str) -> None:
        self._bytes -= self._sizes.pop(answer_id)

    def too_many(self, needed: Collection[str], *, servers: int = 1) -> list[str]:
        count, size = len(self._sizes), self._bytes
        most_answers, most_bytes = self._bound.answers / servers, self._bound.bytes / servers
        if count < most_answers and size < most_bytes:
            return []
        leaving = []
        for answer_id, each in self._sizes.items():
            if count <= most_answers * _ROOM and size <= most_bytes * _ROOM:
                break
            if answer_id not in needed:
                leaving.append(answer_id)
                count, size = count - 1, size - each
        return leaving
