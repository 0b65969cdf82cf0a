"""The connections of the server: how long a client may take to ask and to read the answer, and who may hold how many.

waitress lets each byte renew a client's time, waits for ever for one that does not read, and accepts nobody any more once all
places are taken. Here the header of a request has one time limit in all, a body must come at some speed, an answer must be
taken, and a newcomer gets the place of whoever has been silent for longest.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from msgspec.structs import replace
from waitress.buffers import OverflowableBuffer
from waitress.channel import ClientDisconnected, HTTPChannel

from cictl_server.errors import FULL
from cictl_server.httpd.accepting import NO_FILES
from cictl_server.httpd.incoming import Admit, Keep, Request
from cictl_server.httpd.limits import ConnectionLimits
from cictl_server.httpd.loop import Loop
from cictl_server.httpd.malformed import DISK_FULL, TOO_MANY_FILES, ErrorAnswer, answer_without_request
from cictl_server.httpd.parking import DRAIN_STEP_SECONDS, Lot, awaits_room
from cictl_server.httpd.places import Places, Rank
from cictl_server.httpd.proxies import TrustedProxies
from cictl_server.httpd.tasks import ROOM_BYTES, PutAside, Task
from cictl_server.httpd.unread import Unread

logger = logging.getLogger(__name__)

_TLS_HANDSHAKE = b"\x16\x03"
"""How a client begins that speaks TLS (RFC 8446, 5.1)."""

_BODY_GRACE_SECONDS = 60.0
_LEAST_BODY_SPEED = 1024
"""Bytes a second that a body must bring on average, once its grace is over."""

_PUSH_SECONDS = 1.0
"""After so long without progress an answer is pushed on: poll tells of room only once a third of the kernel's buffer is free."""

LINGER_SECONDS = 2.0
LINGER_BYTES = 1 << 20
"""For how long, and how much, is read and thrown away after a refusal: a reset could keep the answer from client or proxy."""

BROKEN_BODIES = {
    **dict.fromkeys(FULL, ("507 Insufficient Storage", DISK_FULL)),
    **dict.fromkeys(NO_FILES, ("503 Service Unavailable", TOO_MANY_FILES)),
}
"""The answer when a body can't be kept, by the number of the system's error."""


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """One connection, and since when its client has been in the state in which it is."""

    requests: list[Any]
    close_when_flushed: bool
    error_task_class = ErrorAnswer

    def __init__(
        self,
        *args: Any,
        limits: ConnectionLimits,
        places: Places,
        admit: Admit,
        keep: Keep,
        proxies: TrustedProxies,
        instance_id: str,
        lot: Lot,
        loop: Loop,
        unread: Unread,
        **options: Any,
    ) -> None:
        """Take a connection.

        Args:
            places: Where it takes a place.
            instance_id: Marks the answers that no application makes.
            lot: Where its answer is put aside while there is nothing to tell.
            loop: Waits for its socket.
            unread: Counts what its client has not taken.
        """
        self.limits = limits
        self._places = places
        self._lot = lot
        self._loop = loop
        self._unread = unread
        self._is_counted = False
        """Whether something of it has ever stood in `unread`."""
        self._aside: Task | None = None
        """The answer that is put aside."""
        self._resumed: Task | None = None
        """The answer that goes on just now."""
        self._watched: Request | None = None
        """The request during which somebody wants to know if the client has gone."""
        self.instance_id = instance_id
        self.parser_class = partial(
            Request,
            admit=admit,
            keep=keep,
            on_refusal=self._throw_away,
            caller=lambda header: proxies.caller(self.address, header),
        )
        self._asks = ""
        """The address of who asked last; empty until somebody has."""
        self._thrown_away: int | None = None
        """How many bytes came after a refusal; None when there was none."""
        self._lingers_since: float | None = None
        self._is_new = True
        self._idle_since = time.monotonic()
        self._header_since: float | None = self._idle_since
        self._body_since: float | None = None
        self.taken_at = self._idle_since
        """When the client last took a byte, or was owed none yet."""
        self._is_writing = False
        self._waits_for_room = False
        super().__init__(*args, **options)
        self._loop.attend(self)
        places.take(self)

    @property
    def address(self) -> str:
        """The address that the connection comes from, be it that of a client or of a proxy."""
        return str(self.addr[0])

    @property
    def is_silent(self) -> bool:
        """Whether the client has neither a request under way nor a body to send: it can be cut off without harm."""
        return not (self.requests or self.total_outbufs_len or self._body_since)

    @property
    def rank(self) -> Rank:
        """Who leaves first when others want the place: whoever owes a header for longest, then who is idle for longest."""
        return self._header_since is None, self._header_since or self._idle_since

    @property
    def unread_bytes(self) -> int:
        """How much is queued for the client."""
        return int(self.total_outbufs_len)

    def received(self, data: bytes) -> bool:
        """Take what came, as waitress does, and note what the client owes now."""
        if self._is_new and data.startswith(_TLS_HANDSHAKE):
            self._refuse("400 Bad Request", "this port speaks plain HTTP: begin the address with http://")
            return False
        self._is_new = False
        if self._thrown_away is not None:
            self._thrown_away += len(data)
            return False
        now = time.monotonic()
        if self.request is None:
            self._header_since = now
        try:
            is_taken = bool(super().received(data))
        except OSError as error:
            if error.errno not in BROKEN_BODIES:
                raise
            self._throw_away()
            self._refuse(*BROKEN_BODIES[error.errno])
            return False
        self._note_debt(now)
        return is_taken

    def _throw_away(self) -> None:
        """Keep nothing of what comes from now on."""
        self._thrown_away = 0

    def readable(self) -> bool:
        if self._thrown_away is not None and (self._lingers_since is None or self._thrown_away > LINGER_BYTES):
            return False  # the answer comes first, and who goes on sending has to wait
        if self.requests and self._aside is None and self._watched not in self.requests[:1]:
            return False  # to read the next request would only vie with the thread that ends this one
        return bool(super().readable())

    def check_client_disconnected(self) -> bool:
        """Tell whether the client has gone. From the first question on the loop looks after it, so the first answer may be late."""
        if self._watched not in self.requests[:1]:
            self._watched = next(iter(self.requests), None)
            self._loop.attend(self)
        return bool(super().check_client_disconnected())

    def writable(self) -> bool:
        if self._is_writing and self.total_outbufs_len < self.adj.outbuf_high_watermark:
            return False  # a thread sends just now, and the loop would turn round and round until it has done so
        return bool(super().writable())

    def handle_close(self) -> None:
        super().handle_close()
        if self.request is not None:
            self.request.close()  # half a body
        if self._is_counted:
            self._unread.note(self)
        self._lot.wake(self)

    def del_channel(self, map: Any = None) -> None:  # noqa: A002 - waitress calls it so
        self._loop.leave(self)
        self._places.give_back(self)
        super().del_channel(map)

    def close_now(self) -> None:
        """Close the connection. To be called by the thread of the loop."""
        self.handle_close()

    def close_soon(self) -> None:
        """Let the loop close the connection: at its next turn, or within a second if the client takes nothing."""
        self.will_close = True
        self._loop.attend(self)

    def handle_write(self) -> None:
        """Send what is queued. After a refusal close in two steps: say that nothing follows, and read on for a moment."""
        if self._thrown_away is None or not self.close_when_flushed:
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.will_close:
            self.close_now()
        if not self.connected or self.total_outbufs_len:
            return
        self.close_when_flushed = False
        self._lingers_since = time.monotonic()
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def service(self) -> None:
        """Answer the next request, in a thread.

        A client that sends a request before it reads the answer to the one before is cut off: a thread would have to wait
        for it, and no place is counted for that.
        """
        try:
            if self._aside is not None:
                self._go_on(self._aside)
            elif self.total_outbufs_len:
                self._cut_off()
            else:
                self._asks = self.requests[0].caller.address
                self._answer()
        finally:
            if self._watched not in self.requests[:1]:
                self._watched = None
            self._loop.attend(self)

    def _answer(self) -> None:
        try:
            super().service()
        except PutAside as aside:
            self._put_aside(aside.task)

    def _go_on(self, task: Task) -> None:
        """Go on with an answer that was put aside. If its client has gone, end it."""
        self._aside = None
        if not self.connected:
            task.abandon()
            self._drop_requests()
            return
        self._resumed = task
        self._answer()

    def task_class(self, channel: Channel, request: Request) -> Task:
        """Return the task for *request*, as waitress asks for it: a new one, or the one that goes on."""
        task, self._resumed = self._resumed, None
        return task or Task(channel, request)

    def _put_aside(self, task: Task) -> None:
        assert task.awaited is not None
        self._aside = task
        self._waits_for_room = awaits_room(task.awaited)
        if not self._lot.park(self, task.awaited):
            self._go_on_without_lot(task)
        elif not self.connected or (self._waits_for_room and self.total_outbufs_len <= ROOM_BYTES):
            self._lot.wake(self)  # it has gone, or taken everything, just before

    def _go_on_without_lot(self, task: Task) -> None:
        """Go on at once, or soon, because the server stops: what an answer awaits comes to an end as well.

        An answer that waits until its client takes it is left: `end` gives it up when the time to send it is over.
        """
        assert task.awaited is not None
        if self._waits_for_room:
            return
        replace(task.awaited, seconds=min(task.awaited.seconds, DRAIN_STEP_SECONDS), least=0.0).block()
        self._go_on(task)

    def end(self) -> None:
        """End an answer that is put aside, as the server stops."""
        if (task := self._aside) is not None:
            self._aside = None
            task.abandon()

    def _drop_requests(self) -> None:
        with self.requests_lock:
            for request in self.requests:
                request.close()
            self.requests = []

    def _cut_off(self) -> None:
        self._drop_requests()
        self.close_when_flushed = True

    def write_soon(self, data: Any) -> int:
        """Queue *data* for the client, in a thread; wait while more than `outbuf_high_watermark` is unread."""
        if not self.total_outbufs_len:
            self.taken_at = time.monotonic()
        self._is_writing = True
        try:
            return int(super().write_soon(data))
        finally:
            self._is_writing = False
            if self.total_outbufs_len:
                self._is_counted = True
                self._unread.note(self)
            if self.writable():
                self._loop.attend(self)

    def _flush_outbufs_below_high_watermark(self) -> None:
        # waitress also calls this between two requests of a connection. `service` decides then, and waits for nobody.
        if self._is_writing:
            if self.total_outbufs_len > self.adj.outbuf_high_watermark:
                self._loop.attend(self)  # which sends on while this thread waits
            super()._flush_outbufs_below_high_watermark()

    def _flush_some(self, do_close: bool = False) -> bool:
        # The loop says itself that the connection may be closed here. What waitress calls without saying so, a thread may call too.
        has_sent = bool(super()._flush_some(do_close=do_close))
        if has_sent:
            self.taken_at = time.monotonic()
            if not self.total_outbufs_len and self.outbufs[-1].buf is not None:
                self._forget_sent()
            if self._is_counted:
                self._unread.note(self)
            if self._waits_for_room and self.total_outbufs_len <= ROOM_BYTES:
                self._waits_for_room = False
                self._lot.wake(self)
        return has_sent

    def _forget_sent(self) -> None:
        """Let go of a buffer from which all is sent. It would keep that until the next request, if there ever is one."""
        self.outbufs.pop().close()
        self.outbufs.append(OverflowableBuffer(self.adj.outbuf_overflow))

    def flush_all(self) -> None:
        """Wait, in a thread, until the client has all that is queued, or has gone."""
        with self.outbuf_lock:
            self._flush_exception(self._flush_some, do_close=False)
            while self.connected and self.total_outbufs_len:
                self.server.pull_trigger()
                self.outbuf_lock.wait()

    def duplicate(self) -> int:
        """Return another descriptor of the socket, which stays this client's when the loop closes its own.

        Raises:
            ClientDisconnected: The client has gone.
        """
        with self.outbuf_lock:  # under which the loop says that it will close
            if not self.connected:
                raise ClientDisconnected
            return os.dup(self.socket.fileno())

    def note_taken(self) -> None:
        """Note that the client has taken bytes that were not queued."""
        self.taken_at = time.monotonic()
        self.last_activity = time.time()

    def check_connected(self) -> None:
        """Return if the client is still there.

        Raises:
            ClientDisconnected: It has gone, or was let go of.
        """
        if not self.connected or self.will_close:
            raise ClientDisconnected

    def check_taking(self, *, unsent: int) -> None:
        """Let go of a client that takes nothing just now, and has taken nothing for too long.

        Args:
            unsent: How many bytes it is to get that are not queued.

        Raises:
            ClientDisconnected: It was let go of.
        """
        if time.monotonic() - self.taken_at > self.limits.stalled_seconds:
            self._note_stall(unsent)
            self.close_soon()
            raise ClientDisconnected

    def close_if_slow(self, now: float) -> None:
        """Close the connection if its client has taken too long. To be called by the thread of the loop."""
        if self.total_outbufs_len and not self.will_close:
            self._close_if_stalled(now)
            return
        lingers = self._lingers_since is not None and now - self._lingers_since > LINGER_SECONDS
        if self.will_close or lingers or self._is_body_slow(now) or (self.is_silent and self._is_late(now)):
            self.close_now()  # not by `will_close`: that waits for poll, which tells of no room while the client takes nothing

    def _is_late(self, now: float) -> bool:
        """Tell whether the client has owed a header for too long, or has wanted nothing for very long."""
        if self._header_since is not None:
            return now - self._header_since > self.limits.header_seconds
        return now - max(self._idle_since, self.taken_at) > self.limits.idle_seconds

    def _close_if_stalled(self, now: float) -> None:
        if now - self.taken_at < _PUSH_SECONDS:
            return
        self._flush_exception(self._flush_some_if_lockable)
        if now - self.taken_at > self.limits.stalled_seconds:
            self._note_stall(self.total_outbufs_len)
            self.close_now()

    def _note_stall(self, unsent: int) -> None:
        logger.info("closed, its client takes nothing peer=%s unsent=%d", self._asks, unsent)

    def _note_debt(self, now: float) -> None:
        if self.request is None:
            self._idle_since = now
            self._header_since = self._body_since = None
        elif self.request.headers_finished:
            self._header_since = None
            self._body_since = self._body_since or now

    def _is_body_slow(self, now: float) -> bool:
        request = self.request
        if request is None or self._body_since is None:
            return False
        return is_too_slow(request.body_bytes_received, seconds=now - self._body_since)

    def _refuse(self, status: str, text: str) -> None:
        """Answer without a request, and close. While an earlier request has no answer yet only close: this one would be taken for it."""
        if self.requests:
            self.close_now()
            return
        answer = answer_without_request(status, text, instance_id=self.instance_id)
        with self.outbuf_lock:
            self.outbufs[-1].append(answer)
            self.current_outbuf_count += len(answer)
            self.total_outbufs_len += len(answer)
            self.close_when_flushed = True


def is_too_slow(body_bytes: int, *, seconds: float) -> bool:
    """Tell whether a body of which so much came in so many seconds comes too slowly to be waited for."""
    return seconds > _BODY_GRACE_SECONDS and body_bytes < seconds * _LEAST_BODY_SPEED


def close_slow(channels: Iterable[Any]) -> None:
    """Close the connections of clients that have taken too long."""
    now = time.monotonic()
    for channel in list(channels):
        if isinstance(channel, Channel):
            channel.close_if_slow(now)
