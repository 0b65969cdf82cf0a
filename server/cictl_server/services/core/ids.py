"""Ids of executions and runs: nanoseconds of the clock, made strictly increasing."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

from cictl.base.clock import Clock
from cictl_server.errors import NotFound

_PREFIX = "job-"
_JOB_ID = re.compile(f"{_PREFIX}[1-9][0-9]{{0,19}}")


class NumberSource:
    """Hands out growing numbers, also when the clock stands still or goes back."""

    def __init__(self, clock: Clock, *, last: int) -> None:
        """Start above *last*, the highest number ever stored."""
        self._clock = clock
        self._last = last
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            self._last = max(self._last + 1, int(self._clock().timestamp() * 1_000_000) * 1000)
            return self._last


def numbered_names(directory: Path) -> Iterator[tuple[int, str]]:
    """Yield the names in *directory* that begin with the id of an execution, each with its number."""
    for path in directory.iterdir():
        if (number := leading_number(path.name)) is not None:
            yield number, path.name


def leading_number(name: str) -> int | None:
    """Return the number of the execution with whose id *name* begins; None if it begins otherwise."""
    found = _JOB_ID.match(name)
    return int(found[0].removeprefix(_PREFIX)) if found else None


def job_number(job_id: str) -> int:
    """Return the number in `job-<number>`. Leading zeros are refused, so an execution has one id only.

    Raises:
        NotFound: The text has another form, so there is no such job.
    """
    if _JOB_ID.fullmatch(job_id):
        return int(job_id.removeprefix(_PREFIX))
    raise NotFound("job")
