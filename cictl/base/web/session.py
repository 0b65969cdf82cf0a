"""HTTP through `requests`. Import this module only where a connection is made: it loads `requests`."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3 import ProxyManager
from urllib3.exceptions import InvalidHeader, MaxRetryError, ReadTimeoutError, SSLError
from urllib3.util import Retry

from cictl.base.web.cutoff import Cutoff, pools_watched_by
from cictl.base.web.proxies import proxies_for
from cictl.base.web.repeats import FIRST_PAUSE, LONGEST_PAUSE, LONGEST_RETRY_AFTER, METHODS, STATUSES
from cictl.base.web.trust import chosen_authorities

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse
    from urllib3.connectionpool import ConnectionPool

_HOPELESS = (ReadTimeoutError, SSLError)
"""Errors that a repeat only makes slower."""
_CONNECTIONS = 32
_BLOCK_BYTES = 1 << 18
"""How much of a body that is a file is read and sent at a time."""


class Session(requests.Session):
    """A session that authenticates only as its requests say, never by `.netrc` or the user info of a URL."""

    def __init__(
        self,
        *,
        asks_outside: bool = False,
        ca_file: str = "",
        retries: int = 0,
        redirects: int = 0,
        cutoff: Cutoff | None = None,
    ) -> None:
        """Connect lazily.

        Args:
            asks_outside: Trust the certificates that the environment names. For servers that are not ours.
            ca_file: File of the certificate authorities to trust instead of all others.
            retries: How often a safe request is repeated: see `SafeRetry`.
            redirects: How many redirects to follow, unless a request says to follow none.
            cutoff: Ends whatever the session does when its moment comes. Its owner closes it.
        """
        super().__init__()
        self.trust_env = False
        self.auth = _unchanged
        self.verify = ca_file or (chosen_authorities() if asks_outside else "") or True  # as `authorities` says
        self.max_redirects = redirects
        repeats = SafeRetry.of(retries) if retries else 0
        adapter = _Adapter(cutoff, max_retries=repeats, pool_maxsize=_CONNECTIONS)
        for scheme in ("http://", "https://"):
            self.mount(scheme, adapter)

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Add the environment's proxy for *url*.

        `trust_env` is off because of `.netrc`, and requests takes no proxies from the environment then.
        """
        return super().merge_environment_settings(url, proxies_for(str(url)), stream, verify, cert)

    def get_redirect_target(self, resp: Any) -> Any:
        """Return where an answer redirects to; nowhere in a session without redirects.

        Even if it follows none, requests looks up where the answer leads, and reads its whole body for that.
        """
        return super().get_redirect_target(resp) if self.max_redirects else None


class _Adapter(HTTPAdapter):
    """Makes the connections of a session, directly or through a proxy, such that a cutoff watches them."""

    def __init__(self, cutoff: Cutoff | None, **settings: Any) -> None:
        self._pools = pools_watched_by(cutoff) if cutoff else {}
        super().__init__(**settings)

    def init_poolmanager(self, *args: Any, **settings: Any) -> None:
        super().init_poolmanager(*args, blocksize=_BLOCK_BYTES, **settings)
        if self._pools:
            self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: Any, **settings: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **settings)
        if self._pools and isinstance(manager, ProxyManager):  # and not through SOCKS, which has connections of its own
            manager.pool_classes_by_scheme = self._pools
        return manager


class SafeRetry(Retry):
    """Repeats GET, HEAD and DELETE after a broken connection, 502, 503 and 504.

    It differs from its parent in four ways. It repeats nothing when TLS can't be agreed on. It never repeats a POST, even if the connection was refused: its caller
    decides that. It never repeats a request that ran into its time limit, because with three repeats the user would wait
    for four limits. It waits for at most ten seconds, whatever `Retry-After` says.
    """

    @classmethod
    def of(cls, retries: int) -> SafeRetry:
        return cls(
            total=retries,
            backoff_factor=FIRST_PAUSE,
            backoff_max=LONGEST_PAUSE,
            status_forcelist=STATUSES,
            allowed_methods=METHODS,
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
        # The parent looks at `allowed_methods` only when reading failed. When connecting failed, it repeats any method,
        # so those errors must not reach it.
        if error and _pool and (method not in METHODS or isinstance(error, _HOPELESS)):
            raise MaxRetryError(_pool, url or "", error) from error
        return super().increment(method, url, response, error, _pool, _stacktrace)

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Return the seconds of `Retry-After`, at most ten; None if the header is absent or malformed."""
        try:
            seconds = super().get_retry_after(response)
        except InvalidHeader:
            return None
        return None if seconds is None else min(seconds, LONGEST_RETRY_AFTER)


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
