"""Places: how many requests of one kind may be open at once, in all and of one caller."""

from __future__ import annotations

import threading
from collections import Counter

from cictl_server.errors import NoCapacity


class Places:
    """Counted places. Whoever would hold a thread, or memory, for as long as its client likes takes one first.

    One caller gets half of them at most, so that nobody can take them all.
    """

    def __init__(self, *, places: int, use: str) -> None:
        """Have *places* of them; *use* is what they are for, as a refusal tells it."""
        self._places = places
        self._most_of_one = max(1, places // 2)
        self._use = use
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def places(self) -> int:
        """How many there are."""
        return self._places

    @property
    def waiting(self) -> int:
        """How many are taken."""
        return self._taken.total()

    def take_place(self, caller: str) -> None:
        """Hold a place until `leave_place`.

        Args:
            caller: Who wants it: a token, an agent, or where nobody has a token an address.

        Raises:
            NoCapacity: All are taken, or the caller has as many as one may have.
        """
        with self._lock:
            if self._taken.total() >= self._places:
                raise NoCapacity(f"all places for {self._use} are taken")
            if self._taken[caller] >= self._most_of_one:
                raise NoCapacity(
                    f"you have {self._most_of_one} of the {self._places} places for {self._use}, as many as one may have"
                )
            self._taken[caller] += 1

    def leave_place(self, caller: str) -> None:
        with self._lock:
            self._taken[caller] -= 1
            if not self._taken[caller]:
                del self._taken[caller]
