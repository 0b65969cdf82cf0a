"""Which requests are repeated, and when. Imports urllib3, so only a client that is being built imports this."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from urllib3.exceptions import InvalidHeader, MaxRetryError, ReadTimeoutError
from urllib3.util import Retry

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse
    from urllib3.connectionpool import ConnectionPool

_METHODS = frozenset({"GET", "HEAD", "DELETE"})
_STATUSES = frozenset({502, 503, 504})
_FIRST_PAUSE = 0.1
"""urllib3 doubles it before each pause but the first, which it leaves out: 0, 0.2, 0.4, 0.8 s …"""
_LONGEST_PAUSE = 5.0
_LONGEST_RETRY_AFTER = 10.0


class SafeRetry(Retry):
    """Repeats GET, HEAD and DELETE after a broken connection, 502, 503 and 504.

    Unlike its parent it never repeats a POST, not even when the connection was refused (who posts decides that), nor a
    request that ran into its time limit, which would be four limits then; and a server cannot make it wait for an hour.
    """

    @classmethod
    def of(cls, retries: int) -> SafeRetry:
        return cls(
            total=retries,
            backoff_factor=_FIRST_PAUSE,
            backoff_max=_LONGEST_PAUSE,
            status_forcelist=_STATUSES,
            allowed_methods=_METHODS,
            raise_on_status=False,
        )

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        if error and _pool and (method not in _METHODS or isinstance(error, ReadTimeoutError)):
            raise MaxRetryError(_pool, url or "", error) from error
        return super().increment(method, url, response, error, _pool, _stacktrace)

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Return the seconds that the server asks for, ten at most; None if it asks for nothing sensible."""
        try:
            seconds = super().get_retry_after(response)
        except InvalidHeader:
            return None
        return None if seconds is None else min(seconds, _LONGEST_RETRY_AFTER)
