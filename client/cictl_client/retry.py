"""Going on after passing errors: the waits between attempts, and how to repeat a change without doing it twice.

Each request that changes something has an `Idempotency-Key` of its own. A server with that feature answers a repeat as it
answered the first request. Any other, such as a reference server, would do the work twice, and is asked only once.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from cictl.base.backoff import Backoff
from cictl.base.web.exchange import NotConnected
from cictl.wire import words
from cictl.wire.admin.server import ServerInfo
from cictl.wire.problems import BEING_ANSWERED
from cictl_client.calls.paths import SERVER_INFO
from cictl_client.errors import ClientError, Conflict, ForeignAnswer, NoCapacity, ServerError, Unreachable

if TYPE_CHECKING:
    from cictl_client.answers import RawResponse
    from cictl_client.transport import Transport

T = TypeVar("T")

logger = logging.getLogger("cictl_client")

OnReconnect = Callable[[Exception], None]
"""Called with each passing error, before the next attempt."""

TRANSIENT = (Unreachable, ServerError, NoCapacity)
"""The passing errors: outages, restarts, overload."""

LONGEST_PAUSE = 5.0
_BACKOFF = Backoff(first=0.2, most=LONGEST_PAUSE, jitter=0.5)

PATIENCE_SECONDS = 15.0
"""How long a lost answer is asked for again; a server restarts in less."""

_GATEWAY = (502, 504)


class Pause:
    """The waits between attempts. They grow to five seconds, with jitter so that clients don't come back all at once."""

    def __init__(self) -> None:
        self._waits = _BACKOFF.waits()

    def reset(self) -> None:
        self._waits = _BACKOFF.waits()

    def wait(self, *, longest: float = LONGEST_PAUSE) -> None:
        """Sleep, *longest* seconds at most."""
        time.sleep(max(0.0, min(longest, next(self._waits))))


class Mutations:
    """Sends requests that change something.

    Args:
        repeats: Whether to repeat a request whose answer was lost.
    """

    def __init__(self, transport: Transport, *, repeats: bool) -> None:
        self._transport = transport
        self._repeats = repeats

    def post(self, type_: type[T], path: str, body: bytes = b"{}", *, timeout: float | None = None) -> T:
        """POST *body* and return the answer; a lost answer is asked for again.

        Raises:
            Unreachable: No answer came. Either the request never went out, or a repeat could do it twice, or the server
                stayed away.
            Conflict: The server was stopped while it worked on this; the caller must look whether it took effect.
        """
        headers = {words.IDEMPOTENCY_KEY: uuid.uuid4().hex}
        # The first attempt is made without asking for the features: that would cost a request each time. Only when an
        # answer was lost is it worth to know whether a repeat is safe, and the repeats then have the same key.
        try:
            return self._transport.post(type_, path, body, headers=headers, timeout=timeout)
        except (Unreachable, ServerError) as error:
            if not self._repeats or not _may_have_arrived(error):
                raise
            lost = error
        logger.warning("the answer was lost, asking for it again: %s", lost)
        deadline = time.monotonic() + PATIENCE_SECONDS
        if not self._knows_keys(deadline):
            raise lost
        pause = Pause()
        while True:
            try:
                return self._transport.post(type_, path, body, headers=headers, timeout=timeout)
            except (*TRANSIENT, Conflict) as error:
                # A conflict may also mean that the first request is still worked on; its answer can be had a little later.
                is_passing = not isinstance(error, Conflict) or error.message == BEING_ANSWERED
                if not is_passing or time.monotonic() >= deadline:
                    raise
            pause.wait()

    def delete(self, path: str) -> RawResponse:
        """DELETE *path*. The transport repeats it; with the same key, a repeat gets the answer to the first."""
        return self._transport.send("DELETE", path, headers={words.IDEMPOTENCY_KEY: uuid.uuid4().hex})

    def _knows_keys(self, deadline: float) -> bool:
        pause = Pause()
        while True:
            try:
                return words.Feature.IDEMPOTENCY_KEY in self._transport.get(ServerInfo, SERVER_INFO).features
            except TRANSIENT:
                if time.monotonic() >= deadline:
                    return False
            except ClientError:
                return False
            pause.wait()


def _may_have_arrived(error: ClientError) -> bool:
    """Tell whether the server may have received the request that failed with *error*."""
    if isinstance(error, ServerError | ForeignAnswer):
        return error.status in _GATEWAY
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    cause: BaseException | None = error.__cause__
    while cause is not None:
        reason = getattr(cause.args[0], "reason", None) if cause.args else None
        if isinstance(reason or cause, NotConnected | ConnectTimeoutError | NewConnectionError):
            return False
        cause = cause.__cause__
    return error.__cause__ is not None
