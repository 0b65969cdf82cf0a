"""Ask release servers, with limits on size and time, repeats after passing faults, and care for the token."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import SplitResult, urljoin

import msgspec

from cictl.base.backoff import Backoff
from cictl.base.urls import origin, split_http, without_user_info
from cictl.base.web.arriving import arriving
from cictl.base.web.causes import cause_of

if TYPE_CHECKING:
    import requests

    from cictl.base.web.cutoff import Cutoff

T = TypeVar("T")

USER_AGENT = "cictl-updater"

ATTEMPTS = 3
"""How often a request is tried that ends in 429, 5xx, silence or a broken connection."""

CACHE_SECONDS = 60.0
"""How long an answer is reused without asking. After that, the server is asked whether it changed."""

_BACKOFF = Backoff(first=1, most=2)
_HOPS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NOT_MODIFIED = 304
_TOO_MANY_REQUESTS = 429
_SILENCE_SECONDS = 20.0
"""How long a server may send no byte at all. It also has so long for all the headers of an answer."""
_LEAST_SPEED = 1 << 10
"""How many bytes a second a body must have brought on average, once it took `_GRACE_SECONDS`."""
_GRACE_SECONDS = 10.0
_SHOWN_BYTES = 300


class WebError(Exception):
    """There was no answer, or it was too large or took too long. The text tells which, on one line."""


class RefusedError(WebError):
    """The answer has a status other than success. The text is `status=S body=B`."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"status={status} body={body[:_SHOWN_BYTES].decode(errors='replace').strip()}")
        self.status = status


class _PassingError(Exception):
    """A fault that is worth another attempt. `reason` is the error to raise after the last one."""

    def __init__(self, reason: WebError) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Page(msgspec.Struct, frozen=True):
    """An answer with its whole body.

    Attributes:
        url: Its URL after all redirects. Links in it are relative to this.
    """

    body: bytes
    content_type: str
    url: str


class _Cached(msgspec.Struct, frozen=True):
    page: Page
    etag: str
    asked: float


class Web:
    """A client of release servers. Several threads may use it."""

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
            token: Sent as a bearer token, only to the scheme, host and port of *token_url*.
            clock: Monotonic seconds.
            pause: Waits for so many seconds before the next attempt.

        Raises:
            WebError: There is a token, and *token_url* is unusable.
        """
        self._token = token
        self._token_origin = origin(_parts(token_url)) if token else None
        self._clock = clock
        self._pause = pause
        self._cache: dict[tuple[str, str], _Cached] = {}

    def get(self, url: str, *, accept: str, limit: int, seconds: float) -> Page:
        """Return the page at *url*. For a minute, the same page is returned without asking.

        Args:
            limit: The most bytes that the body may have.
            seconds: How long all attempts together may take, however the bytes trickle.

        Raises:
            RefusedError: The status is not success.
            WebError: There was no answer, or it was beyond a limit.
        """
        known = self._cache.get((url, accept))
        if known and self._clock() - known.asked < CACHE_SECONDS:
            return known.page
        # With the ETag an unchanged page is answered with 304, which has no body and does not count against the rate limit
        # of GitHub's API.
        headers = {"Accept": accept, **({"If-None-Match": known.etag} if known and known.etag else {})}
        page, etag = self._patiently(lambda left: self._read(url, headers, known, limit=limit, seconds=left), seconds)
        self._cache[url, accept] = _Cached(page, etag, self._clock())
        return page

    def download(self, url: str, into: Path, *, accept: str, limit: int, seconds: float) -> str:
        """Download *url* to the file *into*, and return its SHA-256 in hex. The file appears once it is complete.

        Raises:
            RefusedError, WebError: As for `get`. No file is left.
        """
        return self._patiently(lambda left: self._save(url, into, accept=accept, limit=limit, seconds=left), seconds)

    def _patiently(self, ask: Callable[[float], T], seconds: float) -> T:
        """Return the result of *ask*, which is tried up to three times, with pauses of 1 and 2 seconds.

        Args:
            ask: Takes the seconds that are left.
            seconds: How long all of it may take.
        """
        ends_at = self._clock() + seconds
        attempt = 1
        while True:
            try:
                return ask(ends_at - self._clock())
            except _PassingError as passing:
                pause = _BACKOFF.after(attempt)
                if attempt == ATTEMPTS or self._clock() + pause >= ends_at:
                    raise passing.reason from passing
            self._pause(pause)
            attempt += 1

    def _read(
        self, url: str, headers: Mapping[str, str], known: _Cached | None, *, limit: int, seconds: float
    ) -> tuple[Page, str]:
        with self._open(url, headers, seconds=seconds) as (response, final_url):
            if response.status_code == _NOT_MODIFIED and known:
                return known.page, known.etag
            body = b"".join(self._blocks(response, limit=limit))
            page = Page(body, response.headers.get("Content-Type", ""), final_url)
            return page, response.headers.get("ETag", "")

    def _save(self, url: str, into: Path, *, accept: str, limit: int, seconds: float) -> str:
        part = into.with_name(f"{into.name}.part")
        digest = hashlib.sha256()
        try:
            with (
                self._open(url, {"Accept": accept}, seconds=seconds) as (response, _),
                part.open("wb") as out,
            ):
                for block in self._blocks(response, limit=limit):
                    digest.update(block)
                    out.write(block)
            part.replace(into)
        finally:
            part.unlink(missing_ok=True)
        return digest.hexdigest()

    @contextmanager
    def _open(self, url: str, headers: Mapping[str, str], *, seconds: float) -> Iterator[tuple[requests.Response, str]]:
        """Send a request and follow redirects. Yield the successful answer, its body unread, and its final URL.

        Raises:
            WebError: The time was over before the context ended. What was read until then may be cut off.
        """
        import requests

        from cictl.base.web.cutoff import Cutoff

        began = self._clock()
        late = WebError(f"{without_user_info(_parts(url).netloc)}: timed out")
        with Cutoff(min(seconds, _SILENCE_SECONDS)) as cutoff, _new_session(cutoff) as session:
            try:
                response, final_url = self._follow(session, url, headers)
                with response:
                    cutoff.move(seconds - (self._clock() - began))
                    self._refuse(response)
                    yield response, final_url
            except requests.RequestException as error:
                if not cutoff.has_come:
                    reason = WebError(f"{without_user_info(_parts(url).netloc)}: {cause_of(error)}")
                    raise _PassingError(reason) from error
            if cutoff.has_come:
                raise late

    def _follow(self, session: requests.Session, url: str, headers: Mapping[str, str]) -> tuple[requests.Response, str]:
        for _ in range(_HOPS + 1):
            response = self._ask(session, url, headers)
            target = response.headers.get("Location", "")
            if response.status_code not in _REDIRECTS or not target:
                return response, url
            response.close()
            url = _joined(url, target)
        raise WebError("too many redirects")

    def _ask(self, session: requests.Session, url: str, headers: Mapping[str, str]) -> requests.Response:
        import requests

        _parts(url)
        sent = self._headers(url, headers)
        try:
            return session.get(url, headers=sent, timeout=_SILENCE_SECONDS, allow_redirects=False, stream=True)
        except requests.RequestException:
            raise
        except OSError as error:  # such as a file of certificates that is not there
            raise WebError(str(error)) from error

    def _headers(self, url: str, headers: Mapping[str, str]) -> dict[str, str]:
        """Add our name, and the token if *url* is on its server. A redirect may lead to any server."""
        sent = {**headers, "User-Agent": USER_AGENT}
        if self._token and origin(_parts(url)) == self._token_origin:
            sent["Authorization"] = f"Bearer {self._token}"
        return sent

    def _refuse(self, response: requests.Response) -> None:
        if 200 <= response.status_code < 300 or response.status_code == _NOT_MODIFIED:
            return
        refused = RefusedError(response.status_code, _beginning(response))
        if response.status_code == _TOO_MANY_REQUESTS or response.status_code >= 500:
            raise _PassingError(refused)
        raise refused

    def _blocks(self, response: requests.Response, *, limit: int) -> Iterator[bytes]:
        began, got = self._clock(), 0
        for block in arriving(response):
            got += len(block)
            if got > limit:
                raise WebError(f"the answer is larger than {limit} bytes")
            spent = self._clock() - began
            if spent > _GRACE_SECONDS and got < spent * _LEAST_SPEED:
                raise WebError(f"the answer comes too slowly: {got} bytes in {spent:.0f} seconds")
            yield block


def _new_session(cutoff: Cutoff) -> requests.Session:
    """Return a session for one exchange, so that *cutoff* watches all its connections."""
    from http.cookiejar import DefaultCookiePolicy

    from cictl.base.web.session import Session

    session = Session(asks_outside=True, cutoff=cutoff)
    session.headers.clear()
    session.headers["Accept-Encoding"] = "identity"
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return session


def _parts(url: str) -> SplitResult:
    """Split *url* into its parts.

    Raises:
        WebError: It is no URL of an HTTP server.
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


def _beginning(response: requests.Response) -> bytes:
    body = b""
    for block in response.iter_content(_SHOWN_BYTES):
        body += block
        if len(body) >= _SHOWN_BYTES:
            break
    return body
