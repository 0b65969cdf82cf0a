"""One request behind granian and its answer, in as many goes as it takes. Between them it holds no thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from io import BytesIO
from typing import IO, Any

import msgspec
from msgspec.structs import replace

from cictl_server.errors import CictlError
from cictl_server.http.errors import REFUSAL
from cictl_server.httpd import malformed
from cictl_server.httpd.connections import BROKEN_BODIES
from cictl_server.httpd.granian.bodies import Body, Rest, Spool
from cictl_server.httpd.granian.crowds import Client
from cictl_server.httpd.granian.engine import Watcher
from cictl_server.httpd.granian.requests import admitted, environ_of, has_body, head_of, too_large
from cictl_server.httpd.incoming import Admit, Keep
from cictl_server.httpd.parking import DRAIN_STEP_SECONDS, Lot
from cictl_server.httpd.proxies import TrustedProxies
from cictl_server.httpd.turns import IsPage, Turns
from cictl_server.signals.waits import PARKING, Awaited

logger = logging.getLogger(__name__)

_BLOCK_BYTES = 128 << 10
_STALL_SLACK_SECONDS = 0.5
"""The system may have begun to count before there was no room."""

HAS_GONE = "waitress.client_disconnected"
"""Where an application asks whether its client has gone. It is waitress's name."""

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """What all exchanges of a server share.

    Attributes:
        instance_id: Marks the answers that the application doesn't make.
        stalled_seconds: After so long the system cuts off a client that takes nothing.
        lot: Where answers are put aside.
        is_page: Tells which requests take *turns*.
        coming: The bodies that are not whole yet, and what comes after refusals.
        told: The answers of more than one block that are not whole yet.
        busy: Whose requests are under way.
    """

    app: WsgiApp
    admit: Admit
    keep: Keep
    proxies: TrustedProxies
    instance_id: str
    stalled_seconds: float
    lot: Lot
    is_page: IsPage
    turns: Turns
    coming: set[Body | Rest] = msgspec.field(default_factory=set)
    told: set[Exchange] = msgspec.field(default_factory=set)
    busy: set[Client] = msgspec.field(default_factory=set)

    def answer(self, watcher: Watcher) -> None:
        """Answer the request that granian hands over."""
        try:
            Exchange(watcher, self).begin()
        except Exception:  # granian would take it for an answer that is still to come
            logger.exception("a request could not be answered")
            watcher.done()

    def give_up_slow(self) -> None:
        """End bodies that come too slowly."""
        now = time.monotonic()
        for coming in list(self.coming):
            coming.give_up_if_slow(now)


class FileBlocks:
    """A file as an answer, in blocks: what WSGI calls the wrapper of files."""

    def __init__(self, file: IO[bytes], _size: int = 0) -> None:
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self._file.read(_BLOCK_BYTES), b"")

    def close(self) -> None:
        close = getattr(self._file, "close", None)
        if close is not None:
            close()


class Exchange:
    """One request and its answer. At any time at most one thread works on it."""

    def __init__(self, watcher: Watcher, shared: Answering) -> None:
        self._watcher = watcher
        self._protocol = watcher.proto
        self._shared = shared
        self._environ = environ_of(watcher.scope, shared.proxies)
        address, port = watcher.scope["client"]
        self._client: Client = (address, int(port))
        self._body: Body | None = None
        self._is_refused = False
        self._status = HTTPStatus.INTERNAL_SERVER_ERROR.value
        self._headers: list[tuple[str, str]] = []
        self._is_begun = False
        self._answer: Any = None
        self._blocks: Iterator[bytes] = iter(())
        self._awaited: Awaited | None = None
        self._is_watched = False
        self._client_has_gone = False
        self._full_since: float | None = None
        """Since when there is no room for more of the answer."""
        self._room: list[None] = []
        """Has an entry while the answer waits for room. Who takes it out works on the answer next."""

    def begin(self) -> None:
        """Take the body, then answer; or answer at once if there is none, or it is not taken."""
        self._shared.busy.add(self._client)
        if not has_body(self._environ):
            if self._shared.is_page(self._environ["REQUEST_METHOD"], self._environ["PATH_INFO"]):
                self._shared.turns.take(_Page(self))
            else:
                self.respond()
            return
        head = head_of(self._environ)
        try:
            most = admitted(head, self._shared.admit)
        except CictlError as error:
            self._refuse(error)
            return
        if not most:
            self._refuse(None)
            return
        kept = self._shared.keep(head) or Spool()
        self._body = Body(self._protocol, length=head.length, most=most, kept=kept, on_end=self._take)
        self._shared.coming.add(self._body)
        self._body.ask()

    def respond(self) -> None:
        """Answer a request without a body."""
        self._respond(BytesIO(), 0)

    def service(self) -> None:
        """Go on with an answer that was put aside."""
        if self._client_has_gone:
            self.end()
        else:
            self._blocks = iter(self._answer)
            self._go_on()

    def cancel(self) -> None:
        """Give it up, as the server stops."""
        self.end()

    def end(self) -> None:
        """Give back what the answer holds that is not whole, and end it so."""
        if self._answer is not None:
            iter(self._answer)  # one that is put aside is closed only while it goes on
        self._close()
        self._watcher.done()

    def give_up_room(self) -> None:
        """End an answer that waits for room, as the server stops. One that somebody works on is left to them."""
        if self._takes_turn():
            self.end()

    def park(self, answer: Any, awaited: Awaited) -> None:
        """Put *answer* aside. See `signals.waits.Parking`."""
        self._answer, self._awaited = answer, awaited

    def has_room(self) -> bool:
        """Tell that there is room: an answer goes on only when there is."""
        return True

    def _take(self, body: Body) -> None:
        """Answer a request whose body has come, as far as it has."""
        self._shared.coming.discard(body)
        if body.is_too_large:
            self._refuse(too_large(body.most))
        elif body.error is not None and body.error.errno in BROKEN_BODIES:
            self._refuse_here(*BROKEN_BODIES[body.error.errno])
        elif body.input is None:
            self._refuse_here("400 Bad Request", "malformed request: its body is not whole")
        else:
            self._respond(body.input, body.bytes)

    def _refuse(self, error: CictlError | None) -> None:
        """Let the application answer without the body. The connection is closed then, as the body may still be coming."""
        self._is_refused = True
        self._environ[REFUSAL] = error
        self.respond()

    def _refuse_here(self, status: str, text: str) -> None:
        self._is_refused = True
        self._start(status, list(malformed.error_headers(self._shared.instance_id).items()))
        self._finish(f"{text}\n".encode())

    def _respond(self, body: IO[bytes], length: int) -> None:
        self._environ["wsgi.input"] = body
        self._environ["wsgi.file_wrapper"] = FileBlocks
        self._environ["CONTENT_LENGTH"] = str(length)
        self._environ[PARKING] = self
        self._environ[HAS_GONE] = self._has_gone
        try:
            answer = self._shared.app(self._environ, self._start)
            if isinstance(answer, list):
                self._finish(b"".join(answer))
                return
            self._answer, self._blocks = answer, iter(answer)
        except Exception:
            logger.exception("Exception while serving %s", self._environ["PATH_INFO"])
            text = malformed.TEXTS[HTTPStatus.INTERNAL_SERVER_ERROR]
            self._refuse_here("500 Internal Server Error", text)
            return
        self._shared.told.add(self)
        self._go_on()

    def _start(self, status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
        """Keep what the application says of its answer (WSGI's `start_response`)."""
        self._status, self._headers = int(status.split(" ", 1)[0]), headers

    def _go_on(self) -> None:
        """Tell the blocks that there are, until one has no room, or the answer is put aside or whole."""
        try:
            for block in self._blocks:
                if self._client_has_gone:
                    self.end()
                    return
                if block and not self._has_told(block):
                    return
        except Exception:
            logger.exception("Exception while serving %s", self._environ["PATH_INFO"])
            self.end()
            return
        awaited, self._awaited = self._awaited, None
        if awaited is None:
            self._finish(b"")
        else:
            self._put_aside(awaited)

    def _has_told(self, block: bytes) -> bool:
        """Tell a block. If there is no room for the next one, return false, and go on by itself when there is."""
        if not self._is_begun:
            self._begin_answer()
            self._watch()
        told = self._protocol.send({"type": "http.response.body", "body": block, "more_body": True})
        if not hasattr(told, "add_done_callback"):
            return True
        self._full_since = time.monotonic()
        self._room.append(None)
        told.add_done_callback(lambda _: self._find_room())
        return False

    def _find_room(self) -> None:
        self._note_stall()
        if self._takes_turn():
            self._go_on()

    def _takes_turn(self) -> bool:
        """Tell whether an answer waits for room, and nobody else goes on with it from now on."""
        try:
            self._room.pop()
        except IndexError:
            return False
        return True

    def _note_stall(self) -> None:
        """Say so if what was told last was taken too late: then its client has just been cut off."""
        since, self._full_since = self._full_since, None
        if since is not None and time.monotonic() - since > self._shared.stalled_seconds - _STALL_SLACK_SECONDS:
            logger.info("closed, its client takes nothing peer=%s", self._environ["REMOTE_ADDR"])

    def _begin_answer(self) -> None:
        self._is_begun = True
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self._headers]
        headers.append((b"server", b"cictl"))
        if self._is_refused:
            headers.append((b"connection", b"close"))
        self._protocol.send({"type": "http.response.start", "status": self._status, "headers": headers})

    def _finish(self, rest: bytes) -> None:
        if not self._is_begun:
            self._begin_answer()
        self._protocol.send({"type": "http.response.body", "body": rest, "more_body": False})
        self._close()
        if self._is_refused:
            Rest(self._watcher, self._shared.coming).ask()

    def _close(self) -> None:
        self._shared.busy.discard(self._client)
        self._shared.told.discard(self)
        close = getattr(self._answer, "close", None)
        try:
            if close is not None:
                close()
        except Exception:
            logger.exception("Exception after serving %s", self._environ["PATH_INFO"])
        if self._body is not None:
            self._body.close()
        # Else each exchange would be a circle, and wait for the garbage collector.
        self._answer, self._blocks = None, iter(())
        self._environ.pop(PARKING, None)
        self._environ.pop(HAS_GONE, None)

    def _put_aside(self, awaited: Awaited) -> None:
        self._watch()
        if not self._shared.lot.park(self, awaited):
            # The server stops, so what is awaited ends as well.
            replace(awaited, seconds=min(awaited.seconds, DRAIN_STEP_SECONDS), least=0.0).block()
            self.service()
        elif self._client_has_gone:
            self._shared.lot.wake(self)  # it has gone just before

    def _has_gone(self) -> bool:
        """Tell whether the client has gone. It is looked after from the first question on, so the first answer may be late."""
        self._watch()
        return self._client_has_gone

    def _watch(self) -> None:
        if not self._is_watched:
            self._is_watched = True
            self._listen()

    def _listen(self) -> None:
        heard = self._protocol.receive()
        if hasattr(heard, "add_done_callback"):
            heard.add_done_callback(self._hear)
        else:
            self._note_gone()

    def _hear(self, future: Any) -> None:
        if future.result()["type"] == "http.request":  # that the body has ended
            self._listen()
        else:
            self._note_gone()

    def _note_gone(self) -> None:
        self._note_stall()
        self._client_has_gone = True
        self._shared.lot.wake(self)


class _Page:
    """The answer to the request of a page, as a task of the threads."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def service(self) -> None:
        self._exchange.respond()

    def cancel(self) -> None:
        self._exchange.end()
