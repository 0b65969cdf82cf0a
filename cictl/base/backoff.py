"""How long to wait between attempts at something that fails for the moment."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from itertools import count

import msgspec

_MOST_DOUBLINGS = 64
"""A float can't be larger than about 2 to the power of 1024, and an agent may fail more often than that."""


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """Waits that double after each failure.

    Attributes:
        first: Seconds to wait after the first failure.
        most: The longest wait, in seconds.
        jitter: How much of a wait chance may take away, from 0 to 1, so that many clients do not all come back at once.
    """

    first: float
    most: float
    jitter: float = 0.0

    def after(self, failures: int) -> float:
        """Return the seconds to wait after *failures* in a row."""
        doublings = min(max(failures - 1, 0), _MOST_DOUBLINGS)
        seconds = min(self.first * 2.0**doublings, self.most)
        # This random number only spreads load. It may be guessed.
        return seconds * random.uniform(1 - self.jitter, 1) if self.jitter else seconds  # noqa: S311 # nosec B311 # no secret

    def waits(self) -> Iterator[float]:
        """Yield the seconds to wait after the first failure, the second, and so on without end."""
        return (self.after(failures) for failures in count(1))


class Attempts:
    """Lets one thread at a time try each thing, and none before the pause after its last failure is over.

    It is about this process alone.
    """

    def __init__(self, *, steady: Callable[[], float], backoff: Backoff) -> None:
        """Begin without failures; *steady* tells seconds that never jump."""
        self._steady = steady
        self._backoff = backoff
        self._lock = threading.Lock()
        self._under_way: set[Hashable] = set()
        self._failures: dict[Hashable, tuple[int, float]] = {}
        """How often each thing failed in a row, and when it may be tried again by the steady clock."""

    @contextmanager
    def trying(self, thing: Hashable) -> Iterator[bool]:
        """Tell the block whether it may try *thing*. Then no other thread does before its end."""
        is_ours = self._begin(thing)
        try:
            yield is_ours
        finally:
            if is_ours:
                self._under_way.discard(thing)

    def note_failure(self, thing: Hashable) -> None:
        failures = self._failures.get(thing, (0, 0.0))[0] + 1
        self._failures[thing] = (failures, self._steady() + self._backoff.after(failures))

    def note_success(self, thing: Hashable) -> None:
        self._failures.pop(thing, None)

    def _begin(self, thing: Hashable) -> bool:
        with self._lock:
            _, again = self._failures.get(thing, (0, 0.0))
            if thing in self._under_way or self._steady() < again:
                return False
            self._under_way.add(thing)
            return True
