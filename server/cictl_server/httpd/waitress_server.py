"""waitress on one socket, with a stop that neither races nor leaks. Knows no application."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from waitress import wasyncore
from waitress.server import create_server

from cictl_server.httpd.accepting import Acceptor
from cictl_server.httpd.connections import Channel, close_slow
from cictl_server.httpd.incoming import Admit, Keep, keep_as_usual
from cictl_server.httpd.limits import ConnectionLimits
from cictl_server.httpd.loop import Loop
from cictl_server.httpd.parking import Lot
from cictl_server.httpd.places import Places
from cictl_server.httpd.proxies import TrustedProxies
from cictl_server.httpd.turns import IsPage, Turns
from cictl_server.httpd.unread import Unread
from cictl_server.httpd.workers import Workers

GRACE_SECONDS = 5
BACKLOG = 1024
_SWEEP_SECONDS = 1.0
AWAY_SECONDS = 2.0
"""A loop that has not looked for so long did not run: the process was stopped, or had no processor. No client is to blame for that."""


class Httpd:
    """A WSGI application behind a bound socket. `run` serves until any thread calls `stop`."""

    def __init__(
        self,
        app: Callable[..., Any],
        listener: socket.socket,
        *,
        threads: int,
        admit: Admit,
        keep: Keep = keep_as_usual,
        is_page: IsPage = lambda _method, _path: False,
        limits: ConnectionLimits | None = None,
        proxies: TrustedProxies | None = None,
        instance_id: str = "",
        **options: Any,
    ) -> None:
        """Prepare; connections wait in the socket's queue until `run`.

        Args:
            admit: Says for each request how much of its body is taken.
            keep: Says where a body is kept.
            is_page: Tells which requests take turns, see `Turns`.
            proxies: Who may tell for whom they ask; nobody by default.
            instance_id: Marks the answers that the application doesn't make, as it marks its own.
            options: waitress's adjustments, by name.
        """
        self._stopping = threading.Event()
        self._channels: dict[int, Any] = {}
        limits = limits or ConnectionLimits()
        self._workers = Workers(threads)
        self._server = create_server(
            app,
            map=self._channels,
            _dispatcher=self._workers,
            sockets=[listener],
            backlog=BACKLOG,
            channel_request_lookahead=1,  # so that a closed connection is noticed while its request waits
            clear_untrusted_proxy_headers=True,  # `proxies` reads them before
            **options,
        )
        self._server.pull_trigger = _do_nothing  # each connection tells the loop itself what it waits for
        self._loop = Loop(self._channels, wake=self._server.trigger.pull_trigger)
        self._lot = Lot(self._workers.add_task)
        self._turns = Turns(self._workers.add_task, is_page=is_page)
        self._server.add_task = self._turns.add
        places = Places(of_peer=limits.of_peer, of_all=limits.of_all)
        begin = partial(
            Channel,
            self._server,
            adj=self._server.adj,
            map=self._channels,
            limits=limits,
            places=places,
            admit=admit,
            keep=keep,
            proxies=proxies or TrustedProxies(),
            instance_id=instance_id,
            lot=self._lot,
            loop=self._loop,
            unread=Unread(most_bytes=limits.unread_bytes, later=self._server.trigger.pull_trigger),
        )
        self._acceptor = Acceptor(self._server, places, begin=begin)
        self._server.readable = self._acceptor.is_open
        self._server.handle_accept = self._acceptor.accept
        self._swept_at = time.monotonic()

    def run(self) -> None:
        """Serve until `stop`, then finish the answers under way, and close everything including the socket."""
        answered = threading.Event()
        drain = threading.Thread(target=self._drain_when_asked, args=(answered,), name="drain")
        drain.start()
        self._loop.attend(self._server.trigger)
        self._loop.attend(self._server)
        try:
            while not answered.is_set():
                self._loop.turn(_SWEEP_SECONDS)
                self._sweep()
        finally:
            self.stop()
            drain.join()
            self._close()

    def stop(self) -> None:
        """Ask `run` to end; may be called from a signal handler, and twice."""
        self._stopping.set()

    def _sweep(self) -> None:
        """Close the connections of slow clients, once a second, and accept others again where there was no room."""
        now = time.monotonic()
        if now - self._swept_at < _SWEEP_SECONDS:
            return
        was_away = now - self._swept_at > AWAY_SECONDS
        self._swept_at = now
        if not was_away:  # else what has come meanwhile is read first
            close_slow(self._server.active_channels.values())
        self._acceptor.reopen()
        self._loop.attend(self._server)

    def _drain_when_asked(self, answered: threading.Event) -> None:
        """Let the threads finish their answers, then end the loop.

        The thread of the loop closes the sockets afterwards. Closing them here would race with it, and waitress's own `close`
        leaks threads.
        """
        self._stopping.wait()
        deadline = time.monotonic() + GRACE_SECONDS
        self._lot.drain(GRACE_SECONDS)
        self._turns.end()
        self._workers.shutdown(seconds=max(0.0, deadline - time.monotonic()))
        answered.set()
        self._server.trigger.pull_trigger()

    def _close(self) -> None:
        """Send what is left for at most a second, and close everything."""
        for _ in range(20):
            if not any(getattr(channel, "total_outbufs_len", 0) for channel in self._channels.values()):
                break
            self._loop.turn(0.05)
        for channel in list(self._server.active_channels.values()):
            channel.end()
            channel.handle_close()  # closes the temporary files of large answers too; `close_all` leaves them open
            if channel.request is not None:
                channel.request.close()
        wasyncore.close_all(self._channels, ignore_all=True)
        self._loop.close()


def _do_nothing() -> None:
    pass
