"""Sending requests: time limits on everything, retries where they are safe, refusals as exceptions.

What is sent as bytes, and answers that are read whole, go through `cictl.base.web.exchange`, which is cheap; everything else through a
session of `requests`: streams, files, proxies, cookies and redirects.
"""

from __future__ import annotations

import logging
import string
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

from cictl.base.urls import split_http, without_user_info
from cictl.base.web.causes import cause_of
from cictl.base.web.exchange import Exchanges, Limits, Reply
from cictl.base.web.proxies import proxies_for
from cictl.base.web.repeats import ask_again
from cictl.base.web.trust import NO_FILES, TlsFiles
from cictl.wire.admin.server import ServerInfo
from cictl.wire.problems import PROBLEM_JSON
from cictl_client.answers import (
    REDIRECTS,
    Asked,
    Headers,
    RawResponse,
    foreign,
    is_foreign,
    is_marked,
    read_as,
    redirect_error,
    refusal_of,
)
from cictl_client.calls.paths import SERVER_INFO
from cictl_client.errors import Unauthenticated, UnexpectedAnswer, Unreachable
from cictl_client.reference import may_lack
from cictl_client.server_clock import ServerClock

if TYPE_CHECKING:
    import requests

    from cictl.base.web.session import Session

T = TypeVar("T")

logger = logging.getLogger("cictl_client")

ACCEPT = f"application/json, {PROBLEM_JSON}"
_TOKEN_CHARACTERS = frozenset(string.ascii_letters + string.digits + string.punctuation)
MAX_REDIRECTS = 3
_WITHOUT_BODY = frozenset({"GET", "DELETE"})


@dataclass(frozen=True)
class Address:
    """A server's URL without user info, and the `Authorization` header for it; empty to send none."""

    base_url: str
    authorization: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str, *, token: str | None) -> Address:
        """Return the address in *url*; its user info becomes Basic authentication, unless there is a *token*.

        Raises:
            Unreachable: *url* is not an http or https URL.
            Unauthenticated: No header can carry *token*.
        """
        parts = _split(url)
        base_url = without_user_info(parts._replace(query="", fragment="").geturl()).rstrip("/")
        if token:
            return cls(base_url, f"Bearer {_checked(token.strip())}")
        if parts.username is None:
            return cls(base_url)
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return cls(base_url, f"Basic {b64encode(pair.encode()).decode()}")


class Transport:
    """Sends requests to one server.

    Attributes:
        clock: The server's.
        knows_marks: Whether the last answer of the server had the mark of a cictl server (`answers`).
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None,
        timeout: float,
        retries: int,
        tls: TlsFiles = NO_FILES,
        user_agent: str = "cictl-client",
    ) -> None:
        """Prepare a session.

        Args:
            base_url: User info in it becomes Basic authentication, and is cut off.
            timeout: Seconds for connecting, and for each wait for bytes.
            retries: How often GET, HEAD and DELETE are repeated after a broken connection, 502, 503 or 504.
            tls: Whom to trust, and what to show.

        Raises:
            Unreachable: *base_url* is not an http or https URL.
            Unauthenticated: No header can carry *token*.
        """
        address = Address.of(base_url, token=token)
        self.base_url = address.base_url
        self.knows_marks = False
        self.clock = ServerClock()
        self._timeout = timeout
        self._retries = retries
        self._tls = tls
        self._headers = {"Accept": ACCEPT, "User-Agent": user_agent}
        if address.authorization:
            self._headers["Authorization"] = address.authorization
        self._exchanges = Exchanges(self.base_url, headers=self._headers, tls=tls)
        self._needs_session = bool(proxies_for(self.base_url))
        """Whether something is between us and the server that only the session can deal with."""

    def close(self) -> None:
        self._exchanges.close()
        if "_session" in self.__dict__:
            self._session.close()

    @cached_property
    def _session(self) -> Session:
        from cictl.base.web.session import Session  # which takes longer to load than most commands run

        session = Session(ca_file=self._tls.ca_file, retries=self._retries, redirects=MAX_REDIRECTS)
        if self._tls.client_cert:
            session.cert = (
                (self._tls.client_cert, self._tls.client_key) if self._tls.client_key else self._tls.client_cert
            )
        session.headers.update(self._headers)
        return session

    def get(self, type_: type[T], path: str, *, params: Mapping[str, Any] | None = None) -> T:
        """GET *path* and return the answer as *type_*."""
        return self._read(type_, path, self.send("GET", path, params=params))

    def post(
        self,
        type_: type[T],
        path: str,
        body: bytes | IO[bytes] = b"{}",
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> T:
        """POST *body*, JSON unless *headers* say otherwise, and return the answer as *type_*."""
        given = {"Content-Type": "application/json", **(headers or {})}
        return self._read(type_, path, self.send("POST", path, body=body, headers=given, timeout=timeout))

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | IO[bytes] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> RawResponse:
        """Send one request, and return its whole answer.

        Raises:
            Unreachable: No answer came, or one that is not the server's (`answers`).
            ApiError: The server refused.
        """
        if not self._needs_session and (isinstance(body, bytes) or (body is None and method in _WITHOUT_BODY)):
            place = self._url(path).removeprefix(self.base_url) + _query(path, params)
            answer = self._exchange(method, place, body, headers=headers or {}, timeout=timeout)
            if answer is not None:
                return answer
        with self.open(method, path, body=body, params=params, headers=headers, timeout=timeout) as response:
            return whole(response)

    def _exchange(
        self, method: str, place: str, body: bytes | None, *, headers: Mapping[str, str], timeout: float | None
    ) -> RawResponse | None:
        """Send one request without the session, and return its whole answer; None if that leads elsewhere. Raise as `send` does."""
        ask = partial(self._exchanges.ask, method, place, body, headers=headers, limits=self._limits(timeout))
        response = self._answer(method, place, ask)
        if method == "GET" and response.status in REDIRECTS:
            return None
        asked = self._asked(place)
        is_sure = method == "GET" and self._says_lack(asked, response) and self._is_of_reference()
        if is_sure:
            response = self._answer(method, place, ask)  # for the reason in `open`
        self._check(asked, response, lambda: response, is_sure=is_sure)
        return response

    def _answer(self, method: str, place: str, ask: Callable[[], Reply]) -> RawResponse:
        """Return what *ask* returns, perhaps after some repeats."""
        begun, shown = time.monotonic(), self.base_url + place
        try:
            reply = ask_again(ask, repeats=self._retries if method in _WITHOUT_BODY else 0)
        except (OSError, ValueError) as error:
            logger.debug("%s %s %s %.0f ms", method, shown, type(error).__name__, milliseconds(begun))
            raise Unreachable(self.base_url, cause_of(error)) from error
        logger.debug("%s %s %d %.0f ms", method, shown, reply.status, milliseconds(begun))
        if "set-cookie" in reply.headers:
            self._needs_session = True  # by its cookie a proxy finds the same server again
        return RawResponse(reply.status, Headers(reply.headers), reply.body)

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        *,
        body: bytes | IO[bytes] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Iterator[requests.Response]:
        """Send one request, and yield its answer before its body is read. Raise as `send` does, also in the context.

        Only GET and HEAD follow redirects; another host does not get the token. A redirected POST becomes a GET by custom,
        and its answer would look like success.

        Args:
            timeout: Seconds for each wait for bytes, instead of the client's own. Connecting takes no longer than either.
        """
        import requests

        url = self._url(path)
        asked = self._asked(url.removeprefix(self.base_url))
        ask = partial(
            self._session.request,
            method,
            url,
            data=body,
            params=params,
            headers=dict(headers or {}),
            timeout=self._limits(timeout),
            stream=True,
            allow_redirects=method in ("GET", "HEAD"),
        )
        begun = time.monotonic()
        shown = without_user_info(url)
        try:
            with ExitStack() as stack:
                response = stack.enter_context(ask())
                logger.debug("%s %s %d %.0f ms", method, shown, response.status_code, milliseconds(begun))
                is_sure = False
                if method == "GET" and self._may_lack(asked, response):
                    # A proxy says so in the same words. They are the server's if they come again after it has named itself.
                    response = stack.enter_context(ask())
                    is_sure = True
                head = RawResponse(response.status_code, response.headers)
                self._check(asked, head, partial(whole, response), is_sure=is_sure)
                yield response
        except requests.RequestException as error:
            logger.debug("%s %s %s %.0f ms", method, shown, type(error).__name__, milliseconds(begun))
            raise Unreachable(self.base_url, cause_of(error)) from error

    def _asked(self, place: str) -> Asked:
        """Return what was asked, without its query; *place* is what is behind the base URL."""
        return Asked(self.base_url, urlsplit(place).path)

    def _limits(self, timeout: float | None) -> Limits:
        limit = self._timeout if timeout is None else timeout
        return Limits(connect=min(self._timeout, limit), read=limit)

    def _may_lack(self, asked: Asked, response: requests.Response) -> bool:
        """Tell whether a server without marks may lack the route: the answer says so, and such a server is there."""
        if response.status_code != 404 or is_marked(response.headers):
            return False
        return self._says_lack(asked, whole(response)) and self._is_of_reference()

    def _is_of_reference(self) -> bool:
        """Tell whether a server without marks has this address."""
        try:
            info = self.send("GET", SERVER_INFO)
            read_as(ServerInfo, Asked(self.base_url, SERVER_INFO), info)
        except Unreachable:
            return False
        return not is_marked(info.headers)

    def _says_lack(self, asked: Asked, response: RawResponse) -> bool:
        """Tell whether an answer without a mark says that there is no such route, as a server of the reference does."""
        return response.status == 404 and not is_marked(response.headers) and may_lack(asked.path, *response)

    def _check(
        self, asked: Asked, head: RawResponse, read: Callable[[], RawResponse], *, is_sure: bool = False
    ) -> None:
        """Raise the error that an answer stands for; do nothing on success. *read* returns all of it."""
        if head.status >= 400:
            raise refusal_of(asked, read(), is_sure=is_sure)
        if head.status in REDIRECTS:
            raise redirect_error(asked, head)
        if is_foreign(asked, head, knows_marks=self.knows_marks):
            raise foreign(asked, read())
        self.knows_marks = is_marked(head.headers)
        self.clock.note(head.headers)

    def _url(self, path: str) -> str:
        """Return the URL of *path*. A server may send a whole URL; one on another host is refused, and does not get the token."""
        if path.startswith("/"):
            return self.base_url + path
        if not path.startswith(self.base_url + "/"):
            raise UnexpectedAnswer(self.base_url, f"it names {without_user_info(path)}, which is not on it")
        return path

    def _read(self, type_: type[T], path: str, response: RawResponse) -> T:
        return read_as(type_, Asked(self.base_url, path), response)


def whole(response: requests.Response) -> RawResponse:
    """Return an answer with its whole body."""
    return RawResponse(response.status_code, response.headers, response.content)


def _query(path: str, params: Mapping[str, Any] | None) -> str:
    """Return *params* as they follow *path*; those that are None are left out."""
    given = urlencode({key: value for key, value in (params or {}).items() if value is not None}, doseq=True)
    return f"{'&' if '?' in path else '?'}{given}" if given else ""


def _split(base_url: str) -> SplitResult:
    try:
        return split_http(base_url)
    except ValueError:
        raise Unreachable(base_url, "an address looks like http://127.0.0.1:8112") from None


def _checked(token: str) -> str:
    """Return *token* if a header can carry it. The HTTP library would check it, too, but show it in its error."""
    if not _TOKEN_CHARACTERS.issuperset(token):
        raise Unauthenticated("the token has characters that no header can carry", status=0)
    return token


def milliseconds(begun: float) -> float:
    """Return the milliseconds since *begun*, a reading of `time.monotonic`."""
    return (time.monotonic() - begun) * 1000
