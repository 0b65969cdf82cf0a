"""Ids of executions and runs: nanoseconds of the clock, made strictly increasing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from cictl_server.errors import NotFound

Clock = Callable[[], datetime]
"""Returns the present as an aware UTC datetime."""

_PREFIX = "job-"


class NumberSource:
    """Hands out numbers that only grow, whatever the clock does: two jobs of one nanosecond get two ids."""

    def __init__(self, clock: Clock, *, last: int) -> None:
        """Start above *last*, the highest number ever stored."""
        self._clock = clock
        self._last = last
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            self._last = max(self._last + 1, int(self._clock().timestamp() * 1_000_000) * 1000)
            return self._last


def job_number(job_id: str) -> int:
    """Return the number in `job-<number>`.

    Raises:
        NotFound: The text has another form, so no such job can exist.
    """
    digits = job_id.removeprefix(_PREFIX)
    if job_id.startswith(_PREFIX) and digits.isascii() and digits.isdigit() and len(digits) <= 20:
        return int(digits)
    raise NotFound("job")
