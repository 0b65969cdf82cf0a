"""Who may use the caches and workspaces now."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Floor:
    """The caches and workspaces. Jobs use them side by side; orders that delete files or end the agent have them alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs = 0
        self._is_taken = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Use it for a job; wait until no order has it."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_taken)
            self._jobs += 1
        try:
            yield
        finally:
            with self._changed:
                self._jobs -= 1

    def take(self) -> bool:
        """Have it alone, if nobody uses it now; tell whether that worked. Then `give_back` must follow."""
        with self._changed:
            if self._jobs or self._is_taken:
                return False
            self._is_taken = True
            return True

    def give_back(self) -> None:
        with self._changed:
            self._is_taken = False
            self._changed.notify_all()
