"""Ids of executions and runs: nanoseconds of the clock, made strictly increasing, also by several servers together."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

from cictl.base.clock import Clock
from cictl_server.errors import NotFound

_PREFIX = "job-"
_SERVERS = 1000
_JOB_ID = re.compile(f"{_PREFIX}[1-9][0-9]{{0,19}}")


class NumberSource:
    """Hands out growing numbers, also when the clock stands still or goes back.

    Where several servers share the data, the last three digits are the number of the server, so no two hand out the same one.
    """

    def __init__(self, clock: Clock, *, last: int, server: Callable[[], int | None]) -> None:
        """Start above *last*, the highest number ever stored; *server* tells the present number of this server, None if it is alone."""
        self._clock = clock
        self._server = server
        self._last = last
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            micros, server = int(self._clock().timestamp() * 1_000_000), self._server()
            if server is None:
                self._last = max(self._last + 1, micros * _SERVERS)
            else:
                self._last = max(self._last // _SERVERS + 1, micros) * _SERVERS + server
            return self._last


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
