"""HTTP: one session, time limits on everything, retries where they are safe, errors as exceptions."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from cictl.wire.codec import DecodeError, decode
from cictl.wire.problems import PROBLEM_JSON
from cictl_client.errors import UnexpectedAnswer, Unreachable, error_of, masked

if TYPE_CHECKING:
    import requests

T = TypeVar("T")

logger = logging.getLogger("cictl_client")

_ACCEPT = f"application/json, {PROBLEM_JSON}"
_BACKOFF_SECONDS = 0.2
_RETRY_STATUSES = (502, 503, 504)


@dataclass(frozen=True, kw_only=True)
class RawResponse:
    """An answer as it came: status, headers, body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Transport:
    """Sends requests to one server."""

    def __init__(self, base_url: str, *, token: str | None, timeout: float, retries: int) -> None:
        """Prepare a session.

        Args:
            base_url: User info in it becomes Basic authentication, and leaves the URL.
            timeout: Seconds for connecting, and for each wait for bytes.
            retries: Repeats of GET, HEAD and DELETE after a broken connection, 502, 503 or 504.
        """
        import requests
        from requests.adapters import HTTPAdapter
        from urllib3.util import Retry

        parts = urlsplit(base_url)
        self.base_url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
        self._timeout = timeout
        self._session = requests.Session()
        self._session.trust_env = False  # a netrc entry or a proxy must not change who is asked, or as whom
        self._session.max_redirects = 3
        self._session.headers["Accept"] = _ACCEPT
        self._session.headers["User-Agent"] = "cictl"
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"
        elif parts.username is not None:
            self._session.auth = (unquote(parts.username), unquote(parts.password or ""))
        retry = Retry(
            total=retries,
            redirect=3,
            backoff_factor=_BACKOFF_SECONDS,
            status_forcelist=_RETRY_STATUSES,
            allowed_methods=("GET", "HEAD", "DELETE"),
            raise_on_status=False,
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry, pool_maxsize=32))

    def close(self) -> None:
        self._session.close()

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
        """Send one request and return its answer, read to the end.

        Raises:
            Unreachable: No answer.
            ApiError: A status of 400 or more.
        """
        with self.open(method, path, body=body, params=params, headers=headers, timeout=timeout) as response:
            return RawResponse(status=response.status_code, headers=response.headers, body=response.content)

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
        """Send one request and yield its answer, whose body is not read yet; a breaking connection is Unreachable too."""
        import requests

        url = self._url(path)
        begun = time.monotonic()
        try:
            with self._session.request(
                method,
                url,
                data=body,
                params=params,
                headers=dict(headers or {}),
                timeout=self._timeout if timeout is None else timeout,
                stream=True,
            ) as response:
                spent = (time.monotonic() - begun) * 1000
                logger.debug("%s %s %d %.0f ms", method, masked(url), response.status_code, spent)
                if response.status_code >= 400:
                    kind = response.headers.get("Content-Type", "")
                    raise error_of(response.status_code, kind, response.content)
                yield response
        except requests.RequestException as error:
            logger.debug("%s %s failed: %s", method, masked(url), type(error).__name__)
            raise Unreachable(self.base_url, _detail(error)) from error

    def _url(self, path: str) -> str:
        """Return the URL of *path*, which a server may send whole; another host never gets a request, nor the token."""
        if path.startswith("/"):
            return self.base_url + path
        if not path.startswith(self.base_url + "/"):
            raise UnexpectedAnswer(self.base_url, f"it names {masked(path)}, which is not on it")
        return path

    def _read(self, type_: type[T], path: str, response: RawResponse) -> T:
        try:
            return decode(response.body, type_)
        except DecodeError as error:
            raise UnexpectedAnswer(self.base_url + path, str(error)) from error


def _detail(error: Exception) -> str:
    """Return the cause of a failed request in a few words; the library's own text is a page long."""
    text = str(error)
    for needle, meaning in (
        ("Connection refused", "connection refused"),
        ("Name or service not known", "unknown host"),
        ("Temporary failure in name resolution", "unknown host"),
        ("nodename nor servname", "unknown host"),
        ("No route to host", "no route to host"),
        ("timed out", "timed out"),
        ("Connection aborted", "the connection broke"),
        ("Connection reset", "the connection broke"),
        ("IncompleteRead", "the connection broke"),
        ("prematurely", "the connection broke"),
        ("CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted"),
    ):
        if needle in text:
            return meaning
    return masked(text.splitlines()[0][:200]) if text else type(error).__name__
