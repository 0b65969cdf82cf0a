"""Asking release servers: bounded, patient with passing faults, careful with the token."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import SplitResult, urljoin

from cictl.base.backoff import Backoff
from cictl.base.urls import origin, split_http, without_user_info

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

T = TypeVar("T")

USER_AGENT = "cictl-updater"

ATTEMPTS = 3
"""Tries of a request that ends in 429, 5xx, a time limit or a broken connection."""

CACHE_SECONDS = 60.0
"""How long an answer is taken as it is; after that the server is asked whether it changed, which costs no rate limit."""

_BACKOFF = Backoff(first=1, most=2)
_HOPS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NOT_MODIFIED = 304
_TOO_MANY_REQUESTS = 429
_BLOCK = 1 << 16
_SILENCE_SECONDS = 20.0
_SHOWN_BYTES = 300


class WebError(Exception):
    """No answer, or one that is too large or takes too long; the text says which, in one line."""


class RefusedError(WebError):
    """An answer with a status that is not success: `status=S body=B`."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"status={status} body={body[:_SHOWN_BYTES].decode(errors='replace').strip()}")
        self.status = status


class _PassingError(Exception):
    """Worth another attempt; `reason` is what to tell when there is none left."""

    def __init__(self, reason: WebError) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True)
class Page:
    """An answer, read whole.

    Attributes:
        url: Where it came from in the end; links in it are relative to this.
    """

    body: bytes
    content_type: str
    url: str


@dataclass(frozen=True)
class _Cached:
    page: Page
    etag: str
    asked: float


class Web:
    """A client of release servers. Usable from several threads."""

    def __init__(
        self,
        *,
        token: str = "",
        token_url: str = "",
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Connect lazily.

        Args:
            token: Sent as a bearer token, to the scheme, host and port of *token_url* and to nobody else.
            clock: Seconds that only grow.
            pause: Waits so many seconds before the next attempt.

        Raises:
            WebError: *token_url* is no address that a token could be sent to.
        """
        self._token = token
        self._token_origin = origin(_parts(token_url)) if token else None
        self._clock = clock
        self._pause = pause
        self._pools: dict[str, PoolManager] = {}
        self._cache: dict[tuple[str, str], _Cached] = {}

    def get(self, url: str, *, accept: str, limit: int, seconds: float) -> Page:
        """Return what *url* holds; for a minute the same.

        Args:
            limit: Bytes that the answer may have.
            seconds: How long one attempt may take.

        Raises:
            RefusedError: The status is not success.
            WebError: There is no such answer.
        """
        known = self._cache.get((url, accept))
        if known and self._clock() - known.asked < CACHE_SECONDS:
            return known.page
        headers = {"Accept": accept, **({"If-None-Match": known.etag} if known and known.etag else {})}
        page, etag = self._patiently(lambda: self._read(url, headers, known, limit=limit, seconds=seconds))
        self._cache[url, accept] = _Cached(page, etag, self._clock())
        return page

    def download(self, url: str, into: Path, *, accept: str, limit: int, seconds: float) -> str:
        """Write what *url* holds to *into*, which appears when it is whole, and return its SHA-256 in hex.

        Raises:
            RefusedError, WebError: As for `get`; no file is left.
        """
        return self._patiently(lambda: self._save(url, into, accept=accept, limit=limit, seconds=seconds))

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Return what *ask* returns, after up to three tries, 1 and 2 seconds apart."""
        for attempt in range(1, ATTEMPTS):
            try:
                return ask()
            except _PassingError:
                self._pause(_BACKOFF.after(attempt))
        try:
            return ask()
        except _PassingError as passing:
            raise passing.reason from passing

    def _read(
        self, url: str, headers: Mapping[str, str], known: _Cached | None, *, limit: int, seconds: float
    ) -> tuple[Page, str]:
        with self._open(url, headers, seconds=seconds) as (response, final_url, deadline):
            if response.status == _NOT_MODIFIED and known:
                return known.page, known.etag
            body = b"".join(self._blocks(response, limit=limit, deadline=deadline))
            page = Page(body, response.headers.get("Content-Type", ""), final_url)
            return page, response.headers.get("ETag", "")

    def _save(self, url: str, into: Path, *, accept: str, limit: int, seconds: float) -> str:
        part = into.with_name(f"{into.name}.part")
        digest = hashlib.sha256()
        try:
            with (
                self._open(url, {"Accept": accept}, seconds=seconds) as (response, _, deadline),
                part.open("wb") as out,
            ):
                for block in self._blocks(response, limit=limit, deadline=deadline):
                    digest.update(block)
                    out.write(block)
            part.replace(into)
        finally:
            part.unlink(missing_ok=True)
        return digest.hexdigest()

    @contextmanager
    def _open(
        self, url: str, headers: Mapping[str, str], *, seconds: float
    ) -> Iterator[tuple[BaseHTTPResponse, str, float]]:
        """Ask, follow redirects, and yield a successful answer whose body is not read yet, its URL and its deadline."""
        from urllib3.exceptions import HTTPError

        deadline = self._clock() + seconds
        try:
            response, final_url = self._follow(url, headers)
            try:
                self._refuse(response)
                yield response, final_url, deadline
            finally:
                response.close()
        except HTTPError as error:
            raise _PassingError(WebError(f"{without_user_info(_parts(url).netloc)}: {_cause_of(error)}")) from error

    def _follow(self, url: str, headers: Mapping[str, str]) -> tuple[BaseHTTPResponse, str]:
        for _ in range(_HOPS + 1):
            response = self._pool(url).request(
                "GET", url, headers=self._headers(url, headers), preload_content=False, redirect=False, retries=False
            )
            target = response.headers.get("Location", "")
            if response.status not in _REDIRECTS or not target:
                return response, url
            response.close()
            url = _joined(url, target)
        raise WebError("too many redirects")

    def _headers(self, url: str, headers: Mapping[str, str]) -> dict[str, str]:
        """Add our name, and the token only where *url* is on its server: a redirect may lead anywhere."""
        sent = {**headers, "User-Agent": USER_AGENT}
        if self._token and origin(_parts(url)) == self._token_origin:
            sent["Authorization"] = f"Bearer {self._token}"
        return sent

    def _refuse(self, response: BaseHTTPResponse) -> None:
        if 200 <= response.status < 300 or response.status == _NOT_MODIFIED:
            return
        refused = RefusedError(response.status, response.read(_SHOWN_BYTES, decode_content=True))
        if response.status == _TOO_MANY_REQUESTS or response.status >= 500:
            raise _PassingError(refused)
        raise refused

    def _blocks(self, response: BaseHTTPResponse, *, limit: int, deadline: float) -> Iterator[bytes]:
        got = 0
        for block in response.stream(_BLOCK, decode_content=True):
            got += len(block)
            if got > limit:
                raise WebError(f"the answer is larger than {limit} bytes")
            if self._clock() > deadline:
                raise _PassingError(WebError("timed out"))
            yield block

    def _pool(self, url: str) -> PoolManager:
        """Return the connections for *url*: direct ones, or those of the proxy that the environment names."""
        proxy = _proxy_for(url)
        if proxy not in self._pools:
            self._pools[proxy] = _new_pool(proxy)
        return self._pools[proxy]


def _parts(url: str) -> SplitResult:
    """
    Raises:
        WebError: Nothing could be asked there.
    """
    try:
        return split_http(url)
    except ValueError as error:
        raise WebError(f"not an http address: {without_user_info(url)}") from error


def _joined(base: str, target: str) -> str:
    try:
        return urljoin(base, target)
    except ValueError as error:
        raise WebError(f"not an http address: {without_user_info(target)}") from error


def _proxy_for(url: str) -> str:
    from urllib.request import getproxies, proxy_bypass

    parts = _parts(url)
    host = parts.hostname or ""
    if host in ("localhost", "127.0.0.1", "::1") or proxy_bypass(host):
        return ""
    return getproxies().get(parts.scheme, "")


def _new_pool(proxy: str) -> PoolManager:
    import certifi
    import urllib3

    timeout = urllib3.Timeout(connect=_SILENCE_SECONDS, read=_SILENCE_SECONDS)
    authorities = os.environ.get("SSL_CERT_FILE") or certifi.where()
    if proxy:
        return urllib3.ProxyManager(proxy, timeout=timeout, ca_certs=authorities)
    return urllib3.PoolManager(timeout=timeout, ca_certs=authorities)


def _cause_of(error: Exception) -> str:
    """Return a library's reason in one short line."""
    from urllib3.exceptions import NameResolutionError, NewConnectionError, ProtocolError
    from urllib3.exceptions import TimeoutError as TimedOut

    if isinstance(error, TimedOut) and not isinstance(error, NewConnectionError):
        return "timed out"
    if isinstance(error, NameResolutionError):
        return "unknown host"
    if isinstance(error, ProtocolError):
        return "the connection broke"
    text = str(error)
    return "connection refused" if "refused" in text else text.splitlines()[0][:_SHOWN_BYTES] if text else "no answer"
