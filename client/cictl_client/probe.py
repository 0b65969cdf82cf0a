"""A small client for health checks and completion, which must start fast; anything else uses `Client`.

It asks through `cictl.base.web.probe`, which loads no HTTP library. It raises the same exceptions as `Client`.
"""

from __future__ import annotations

import time
from collections.abc import Container
from typing import TypeVar
from urllib.parse import urljoin

from cictl.base.urls import origin, split_http, without_user_info
from cictl.base.web.causes import cause_of
from cictl.base.web.probe import FAILURES, ask
from cictl.base.web.trust import NO_FILES, TlsFiles
from cictl.wire.admin.server import Health, Readiness, RuntimeState, ServerInfo
from cictl_client.answers import REDIRECTS, Asked, RawResponse, read_as, refusal_of
from cictl_client.calls.paths import SERVER_INFO
from cictl_client.errors import Unreachable
from cictl_client.transport import ACCEPT, MAX_REDIRECTS, Address, logger, milliseconds

T = TypeVar("T")


class Probe:
    """A client of one server that opens a connection for each question, and leaves none open."""

    def __init__(
        self, base_url: str, *, token: str | None = None, timeout: float = 10.0, tls: TlsFiles = NO_FILES
    ) -> None:
        """Prepare; each question connects anew.

        Args:
            base_url: User info in it becomes Basic authentication.
            timeout: Seconds for connecting and for each wait for bytes.
            tls: Whom to trust, and what to show.

        Raises:
            Unreachable: *base_url* is not an http or https URL.
            Unauthenticated: No header can carry *token*.
        """
        self._address = Address.of(base_url, token=token)
        self._timeout = timeout
        self._tls = tls

    @property
    def has_token(self) -> bool:
        return bool(self._address.authorization)

    def health(self) -> Health:
        return self.get(Health, "/healthz")

    def server_info(self) -> ServerInfo:
        return self.get(ServerInfo, SERVER_INFO)

    def readiness(self) -> Readiness:
        """Return whether the server can do its work; one that can't answers 503 and tells what is wrong."""
        return self.get(Readiness, "/readyz", accepted=(503,))

    def runtime_state(self) -> RuntimeState:
        return self.get(RuntimeState, "/api/v1/runtime-state")

    def get(self, type_: type[T], path: str, *, accepted: Container[int] = ()) -> T:
        """GET *path* and return the answer as *type_*; redirects are followed, but another host does not get the token.

        Raises:
            Unreachable: No answer came, one that is not the server's, or more redirects than are followed.
            ApiError: The server refused, with a status that is not in *accepted*.
            UnexpectedAnswer: The answer has another shape.
        """
        url = self._address.base_url + path
        asked = Asked(self._address.base_url, path)
        begin = origin(split_http(url))
        for _ in range(MAX_REDIRECTS + 1):
            response = self._ask(url, self._address.authorization if origin(split_http(url)) == begin else "")
            if response.status not in REDIRECTS:
                if response.status >= 400 and response.status not in accepted:
                    raise refusal_of(asked, response)
                return read_as(type_, asked, response)
            target = response.headers.get("location", "")
            try:
                target = url = urljoin(url, target)
                split_http(url)
            except ValueError:
                break
        raise Unreachable(self._address.base_url, f"it redirects to {without_user_info(target)}")

    def _ask(self, url: str, authorization: str) -> RawResponse:
        headers = {"Accept": ACCEPT, "User-Agent": "cictl"}
        if authorization:
            headers["Authorization"] = authorization
        begun, shown = time.monotonic(), without_user_info(url)
        try:
            reply = ask(url, headers=headers, timeout=self._timeout, tls=self._tls)
        except FAILURES as error:
            logger.debug("GET %s %s %.0f ms", shown, type(error).__name__, milliseconds(begun))
            raise Unreachable(self._address.base_url, cause_of(error)) from error
        logger.debug("GET %s %d %.0f ms", shown, reply.status, milliseconds(begun))
        return RawResponse(status=reply.status, headers=reply.headers, body=reply.body)
