"""Which requests a browser may have been tricked into sending. Knows no framework, so that it can be asked at any time."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from cictl.base import urls
from cictl_server.errors import Forbidden, HostNotAllowed, InvalidRequest
from cictl_server.http.access.hosts import OwnHosts

Header = Callable[[str], str | None]
"""Returns the value of the header with a name, in any case; None if it was not sent."""

_KNOWN_HOSTS = 64

_PROBED = frozenset({"/healthz", "/readyz"})
"""Paths that are answered to a probe which sends no Host."""
_USABLE = re.compile(r"[!-~]{1,300}")
"""Neither blanks nor letters beyond ASCII; a name has 253 characters at most (RFC 1035, 2.3.4)."""
_NEVER_IN_AUTHORITY = re.compile(r"[,@]")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})
"""Values of `Sec-Fetch-Site` for our own pages, and for what somebody typed. `same-site` is a page of another port or host."""


class ForeignPage(Forbidden):
    """A page of another site made a browser send the request."""

    def __init__(self, origin: str | None) -> None:
        super().__init__(
            f"refused: {origin or 'the page that sent this'} is not of this server",
            hint="if it is, behind a proxy, start the server with --public-url and the address that browsers show",
        )


class OriginRule:
    """Refuses requests under a name that is not ours, and those that pages of other sites send.

    A browser tells of itself: by `Origin`, and by `Sec-Fetch-Site` if the address is https or loopback. Programs send neither.
    """

    def __init__(self, hosts: OwnHosts, *, public_url: str = "") -> None:
        """Serve *hosts*.

        Args:
            public_url: Where browsers find this server if that is behind a proxy; pages from there are our own.

        Raises:
            ValueError: It is no http or https URL.
        """
        self._hosts = hosts
        self._own_host = lru_cache(_KNOWN_HOSTS)(self._check_host)
        """Clients ask under few names again and again. What is refused is not kept, for the error is raised anew."""
        self._public = urls.split_http(public_url) if public_url else None

    def check(
        self,
        method: str,
        path: str,
        header: Header,
        *,
        scheme: str = "http",
        costs_work: bool = False,
        is_embedded: bool = False,
    ) -> None:
        """Let a request pass, or say why it is refused. Its body is not needed.

        Args:
            scheme: `http` or `https`, as the browser sees it: the server itself or a trusted proxy knows.
            costs_work: Reading this costs the server more than a look into its store.
            is_embedded: Pages of other sites may show this as an image, which they can't read.

        Raises:
            InvalidRequest: `Host` or `Origin` is malformed, or there is no `Host`.
            HostNotAllowed: The request is for another host.
            ForeignPage: A page of another site sent it, and it could do harm.
        """
        given_host = header("Host")
        # A probe may come without one: no page makes a browser leave the header out.
        host = None if given_host is None and path in _PROBED else self._own_host(given_host, scheme)
        given = header("Origin")
        origin = _split(given, header="Origin") if given else None
        is_foreign = is_of_foreign_page(header)
        if method in _SAFE_METHODS and not costs_work:
            is_refused = is_foreign and not (_is_link(header) or (is_embedded and _is_image(header)))
        else:
            is_refused = is_foreign or (origin is not None and not self._is_own(origin, host))
        if is_refused:
            raise ForeignPage(given)

    def _check_host(self, given: str | None, scheme: str) -> SplitResult:
        """Return the split `Host` as a URL.

        Raises:
            InvalidRequest: It is malformed.
            HostNotAllowed: It is not ours.
        """
        parts = _split(f"{scheme}://{given or ''}", header="Host")
        if not given or parts.netloc != given:
            raise _not_a_host("Host")
        if not self._answers_for(parts.hostname or ""):
            raise HostNotAllowed(parts.hostname or "")
        return parts

    def _answers_for(self, name: str) -> bool:
        return name in self._hosts or (self._public is not None and name == self._public.hostname)

    def _is_own(self, origin: SplitResult, host: SplitResult | None) -> bool:
        return origin.scheme in ("http", "https") and urls.origin(origin) in self._own_origins(host)

    def _own_origins(self, host: SplitResult | None) -> set[tuple[str, str, int]]:
        """Return the origins of our own pages, as seen by who asked for *host*: the public URL, and what was asked."""
        public = self._public
        if public is None:
            return {urls.origin(host)} if host else set()
        # A proxy may pass the host without its port, as nginx's `$host`.
        if host is None or (host.hostname == public.hostname and host.port in (None, public.port)):
            return {urls.origin(public)}
        return {urls.origin(public), urls.origin(host)}


def is_of_foreign_page(header: Header) -> bool:
    """Tell whether a browser says that a page of another site made it send the request."""
    return header("Sec-Fetch-Site") not in (None, *_OWN_SITES)


def _is_image(header: Header) -> bool:
    return header("Sec-Fetch-Mode") == "no-cors" and header("Sec-Fetch-Dest") == "image"


def _is_link(header: Header) -> bool:
    """Tell whether somebody follows a link: the answer fills the window, and no page can read it."""
    return header("Sec-Fetch-Mode") == "navigate" and header("Sec-Fetch-Dest") in (None, "document")


def _split(url: str, *, header: str) -> SplitResult:
    """Split the *url* that a header holds.

    Raises:
        InvalidRequest: It is none, or the header was sent twice, which makes a list of it.
    """
    try:
        parts = urlsplit(url)
        is_usable = (parts.port or 0) >= 0 and bool(_USABLE.fullmatch(url))
    except ValueError:
        is_usable = False
    if not is_usable or _NEVER_IN_AUTHORITY.search(parts.netloc):
        raise _not_a_host(header)
    return parts


def _not_a_host(header: str) -> InvalidRequest:
    return InvalidRequest(f"{header} must name one host, and a port up to 65535 if any")
