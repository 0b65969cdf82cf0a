"""Places: how many requests of one kind may hold a server thread at once."""

from __future__ import annotations

import threading

from cictl_server.errors import NoCapacity


class Places:
    """Counted places. Whoever would hold a thread for as long as its client likes takes one first."""

    def __init__(self, *, places: int, refusal: str) -> None:
        """Have *places* of them; *refusal* is what the next caller is told."""
        self._places = places
        self._refusal = refusal
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def places(self) -> int:
        """How many there are."""
        return self._places

    @property
    def waiting(self) -> int:
        """How many are taken."""
        return self._taken

    def take_place(self) -> None:
        """Hold a place until `leave_place`.

        Raises:
            NoCapacity: All are taken.
        """
        with self._lock:
            if self._taken >= self._places:
                raise NoCapacity(self._refusal)
            self._taken += 1

    def leave_place(self) -> None:
        with self._lock:
            self._taken -= 1
