"""HTTP through `requests`, which this module loads: import it where a connection is made, not before."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.exceptions import InvalidHeader, MaxRetryError, ReadTimeoutError
from urllib3.util import Retry

from cictl.base.web.trust import chosen_authorities

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse
    from urllib3.connectionpool import ConnectionPool

_METHODS = frozenset({"GET", "HEAD", "DELETE"})
_STATUSES = frozenset({502, 503, 504})
_FIRST_PAUSE = 0.1
"""urllib3 has a back-off of its own: it doubles this before each pause but the first, which it leaves out: 0, 0.2, 0.4 s …"""
_LONGEST_PAUSE = 5.0
_LONGEST_RETRY_AFTER = 10.0
_CONNECTIONS = 32
_HERE = ("localhost", "127.0.0.1", "::1")


class Session(requests.Session):
    """A session in which nothing but the request says as whom a server is asked: no `.netrc`, no user info in a URL."""

    def __init__(self, *, asks_outside: bool = False, ca_file: str = "", retries: int = 0, redirects: int = 0) -> None:
        """Connect lazily.

        Args:
            asks_outside: Whether the environment's proxies and certificates count, as for servers of others.
            ca_file: The certificates that count instead of all others.
            retries: Repeats of what is safe to repeat: see `SafeRetry`.
            redirects: How many are followed, where a request does not say that none is.
        """
        super().__init__()
        self.trust_env = False
        self.auth = _unchanged
        self.verify = ca_file or (chosen_authorities() if asks_outside else "") or True  # as `authorities` says
        self.max_redirects = redirects
        self._asks_outside = asks_outside
        adapter = HTTPAdapter(max_retries=SafeRetry.of(retries) if retries else 0, pool_maxsize=_CONNECTIONS)
        for scheme in ("http://", "https://"):
            self.mount(scheme, adapter)

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Add the proxies on the way to *url*: requests leaves them out together with `.netrc`.

        None is on the way to this machine, nor to hosts that `NO_PROXY` names.
        """
        if self._asks_outside:
            proxies = {} if urlsplit(str(url)).hostname in _HERE else get_environ_proxies(url)
        return super().merge_environment_settings(url, proxies, stream, verify, cert)

    def get_redirect_target(self, resp: Any) -> Any:
        """Return where an answer leads; to a session without redirects nowhere.

        Even where it follows none, requests would look where the next one leads, and read the whole body for that.
        """
        return super().get_redirect_target(resp) if self.max_redirects else None


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


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
