"""A few small questions to a server that is probably near: for health checks and completion, where starting counts.

Loading `requests` takes longer than all else that such a command does. This asks with the standard library, raises the
same exceptions as `Client`, and leaves out what only long work needs: retries, kept connections, uploads.
"""

from __future__ import annotations

import time
from collections.abc import Container
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TypeVar
from urllib.parse import SplitResult, urljoin

from cictl.base.urls import origin, split_http, without_user_info
from cictl.wire.server import Health, Readiness, RuntimeState, ServerInfo
from cictl_client.errors import Unreachable, error_of
from cictl_client.transport import (
    ACCEPT,
    REDIRECTS,
    Address,
    RawResponse,
    cause_of,
    logger,
    milliseconds,
    read_as,
)

T = TypeVar("T")

MAX_REDIRECTS = 3


class Probe:
    """Asks one server, with a connection for each question; nothing is left open."""

    def __init__(self, base_url: str, *, token: str | None = None, timeout: float = 10.0) -> None:
        """Connect lazily.

        Args:
            base_url: User info in it becomes Basic authentication.
            timeout: Seconds for connecting and for each wait for bytes.

        Raises:
            Unreachable: *base_url* is not an http or https URL.
            Unauthenticated: No header can carry *token*.
        """
        self._address = Address.of(base_url, token=token)
        self._timeout = timeout

    def health(self) -> Health:
        return self.get(Health, "/healthz")

    def server_info(self) -> ServerInfo:
        return self.get(ServerInfo, "/api/v1/server-info")

    def readiness(self) -> Readiness:
        """Ask whether the server can do its work; one that cannot answers 503, with what is wrong."""
        return self.get(Readiness, "/readyz", accepted=(503,))

    def runtime_state(self) -> RuntimeState:
        return self.get(RuntimeState, "/api/v1/runtime-state")

    def get(self, type_: type[T], path: str, *, accepted: Container[int] = ()) -> T:
        """GET *path* and return the answer as *type_*; redirects are followed, without the token at another host.

        Raises:
            Unreachable: No answer, or redirects without end.
            ApiError: A status of 400 or more that is not *accepted*.
            UnexpectedAnswer: Another shape.
        """
        begin = parts = split_http(self._address.base_url + path)
        for _ in range(MAX_REDIRECTS + 1):
            is_ours = origin(parts) == origin(begin)
            response = self._ask(parts, self._address.authorization if is_ours else "")
            if response.status not in REDIRECTS:
                if response.status >= 400 and response.status not in accepted:
                    raise error_of(response.status, response.headers.get("content-type", ""), response.body)
                return read_as(type_, response, parts.geturl())
            target = response.headers.get("location", "")
            try:
                target = urljoin(parts.geturl(), target)
                parts = split_http(target)
            except ValueError:
                break
        raise Unreachable(self._address.base_url, f"it redirects to {without_user_info(target)}")

    def _ask(self, parts: SplitResult, authorization: str) -> RawResponse:
        url = without_user_info(parts.geturl())
        headers = {"Accept": ACCEPT, "User-Agent": "cictl", "Connection": "close"}
        if authorization:
            headers["Authorization"] = authorization
        begun = time.monotonic()
        try:
            connection = _connection(parts, self._timeout)
            try:
                connection.request("GET", _target(parts), headers=headers)
                answer = connection.getresponse()
                response = RawResponse(status=answer.status, headers=_headers(answer.getheaders()), body=answer.read())
            finally:
                connection.close()
        except (OSError, HTTPException, ValueError) as error:
            logger.debug("GET %s %s %.0f ms", url, type(error).__name__, milliseconds(begun))
            raise Unreachable(self._address.base_url, cause_of(error)) from error
        logger.debug("GET %s %d %.0f ms", url, response.status, milliseconds(begun))
        return response


def _connection(parts: SplitResult, timeout: float) -> HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "http":
        return HTTPConnection(host, parts.port, timeout=timeout)
    import ssl

    import certifi  # the certificates that requests trusts

    return HTTPSConnection(
        host, parts.port, timeout=timeout, context=ssl.create_default_context(cafile=certifi.where())
    )


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _headers(pairs: list[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in pairs}
