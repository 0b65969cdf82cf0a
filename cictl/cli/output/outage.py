"""The server is away and comes back: what is said of it, and the requests that are repeated meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from cictl_client import ApiError, ClientError, Unreachable

T = TypeVar("T")

LONGEST_PAUSE = 5.0


class DeadlineReached(Exception):
    """The time limit was reached while the server was away, or between two requests."""


def lost_text(error: Exception, *, then: str = "trying again") -> str:
    """Return what is said when a connection is lost."""
    return f"connection lost ({error}); {then}"


def is_passing(error: ClientError) -> bool:
    """Tell whether *error* may pass: the server is away or has failed, but has not refused."""
    return isinstance(error, Unreachable) or (isinstance(error, ApiError) and error.status >= 500)


class Outage:
    """Repeats requests while the server is away, and says so, but not at every attempt.

    Args:
        every: Seconds between two notices of a lost connection, at least.
        deadline: On the monotonic clock; None: repeat for ever.
        passing: Tells which errors are waited out.
    """

    def __init__(
        self,
        note: Callable[[str], None],
        *,
        every: float,
        deadline: float | None = None,
        passing: Callable[[ClientError], bool] = is_passing,
    ) -> None:
        self._note = note
        self._every = every
        self._deadline = deadline
        self._passing = passing
        self._noted_at: float | None = None
        # A server that goes away cuts all followed logs at once, each on a thread of its own: one notice is enough.
        self._lock = threading.Lock()

    def tell(self, error: Exception) -> None:
        """Say that the connection was lost; called from any thread."""
        with self._lock:
            now = time.monotonic()
            if self._noted_at is None or now - self._noted_at > self._every:
                self._note(lost_text(error))
                self._noted_at = now

    def through(self, request: Callable[[], T], *, pause: float, longest: float = LONGEST_PAUSE) -> T:
        """Return the answer of *request*, repeated until there is one.

        Args:
            pause: Seconds before the first repetition; they double up to *longest*.

        Raises:
            ClientError: It does not pass.
            DeadlineReached: There is no answer in time.
        """
        is_lost = False
        while True:
            try:
                answer = request()
            except ClientError as error:
                if not self._passing(error):
                    raise
                self.tell(error)
                is_lost = True
            else:
                if is_lost:
                    self._note("connected again")
                return answer
            self.pause(pause)
            pause = min(pause * 2, longest)

    def pause(self, seconds: float, wait: Callable[[float], object] = time.sleep) -> None:
        """Let *wait* wait so many *seconds*, but not past the deadline.

        Raises:
            DeadlineReached: It was reached before.
        """
        if self._deadline is None:
            wait(seconds)
            return
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise DeadlineReached
        wait(min(seconds, left))
