"""A running server: data directory, socket, waitress threads, background maintenance, orderly stop."""

from __future__ import annotations

import logging
import socket
import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cictl_server.app import create_app
from cictl_server.errors import InvalidRequest
from cictl_server.resources.guard import is_loopback_name
from cictl_server.services import DEFAULT_AGENT_TIMEOUT, DEFAULT_UPDATE_SOURCE, DEFAULT_WAITING_PLACES, Services
from cictl_server.services.maintenance import INTERVAL_SECONDS
from cictl_server.services.update_source import UpdateSource
from cictl_server.store.tiny import TinyStore

logger = logging.getLogger(__name__)

SPARE_THREADS = 32
"""Threads beyond the waiting places: with fewer threads than busy connections waitress collapses."""

_GRACE_SECONDS = 5
_BACKLOG = 1024
_CONNECTION_LIMIT = 1000
_UNSENT_LIMIT = 1 << 20
"""Bytes that an answer may be ahead of a slow client before its thread waits."""
_BODY_LIMIT = 16 << 30
"""waitress keeps bodies on disk; the services have tighter limits for what is in them."""


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """How to serve.

    Attributes:
        port: 0 takes a free one.
        no_auth: Bind to an address that others reach although nothing authenticates them.
        agent_timeout: After this silence of an agent its running work is given up.
        update_source: Where agents that are asked to update fetch the version.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8112
    no_auth: bool = False
    version: str = "dev"
    waiting_places: int = DEFAULT_WAITING_PLACES
    agent_timeout: timedelta = DEFAULT_AGENT_TIMEOUT
    update_source: UpdateSource = DEFAULT_UPDATE_SOURCE


class Server:
    """A server that is bound and ready; `run` serves until `stop`, from whatever thread."""

    def __init__(self, config: ServerConfig) -> None:
        """Open the data directory and bind the address.

        Raises:
            InvalidRequest: The address is not loopback and `no_auth` does not say that this is wanted.
            StoreError: The data can't be opened.
            OSError: The address can't be bound.
        """
        is_loopback = is_loopback_name(config.host)
        if not is_loopback and not config.no_auth:
            raise InvalidRequest(
                f"refusing to listen on {config.host}: everybody who reaches it could run commands on your agents",
                hint="bind to 127.0.0.1, or pass --no-auth if the network itself is trusted",
            )
        self._socket = _bind(config.host, config.port)
        try:
            self._store = TinyStore.open(config.data_dir)
        except BaseException:
            self._socket.close()
            raise
        self.services = Services.build(
            self._store,
            config.data_dir,
            version=config.version,
            waiting_places=config.waiting_places,
            agent_timeout=config.agent_timeout,
            update_source=config.update_source,
        )
        self.services.maintenance.start_up()
        self._app = create_app(self.services, is_loopback=is_loopback)
        self._threads = config.waiting_places + SPARE_THREADS
        self._stopping = threading.Event()
        host, port = self._socket.getsockname()[:2]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def run(self) -> None:
        """Serve until `stop`; then finish what is being answered, and close the store."""
        maintenance = threading.Thread(target=self._maintain, name="maintenance")
        maintenance.start()
        try:
            self._serve()
        finally:
            self._stopping.set()
            maintenance.join()
            self._socket.close()
            self._store.close()

    def stop(self) -> None:
        """Ask `run` to end; may be called from a signal handler, and twice."""
        self._stopping.set()
        self.services.hub.close()

    def _serve(self) -> None:
        from waitress.server import create_server

        sockets: dict[int, Any] = {}
        server = create_server(
            self._app,
            map=sockets,
            sockets=[self._socket],
            threads=self._threads,
            connection_limit=_CONNECTION_LIMIT,
            max_request_body_size=_BODY_LIMIT,
            channel_timeout=120,
            channel_request_lookahead=1,  # so that a broken connection is noticed while its request waits
            outbuf_high_watermark=_UNSENT_LIMIT,
            backlog=_BACKLOG,
            ident="cictl",
            clear_untrusted_proxy_headers=True,
        )
        answered = threading.Event()
        drain = threading.Thread(target=self._drain_when_asked, args=(server, answered), name="drain")
        drain.start()
        try:
            _loop(sockets, until=answered)
        finally:
            self.stop()
            drain.join()
            _close(sockets)

    def _drain_when_asked(self, server: Any, answered: threading.Event) -> None:
        """Let the threads finish their answers, then end the loop.

        The sockets are closed by the loop's own thread afterwards: closing them here would race with its poll, and
        waitress's `close` leaks threads.
        """
        self._stopping.wait()
        server.task_dispatcher.shutdown(cancel_pending=True, timeout=_GRACE_SECONDS)
        answered.set()
        server.trigger.pull_trigger()

    def _maintain(self) -> None:
        while not self._stopping.wait(INTERVAL_SECONDS):
            try:
                self.services.maintenance.run_once()
            except Exception:  # the next pass tries again; dying silently would be worse
                logger.exception("maintenance failed")


def _loop(sockets: dict[int, Any], *, until: threading.Event) -> None:
    """Run waitress's event loop; by poll, since its own way, select, ends at 1024 descriptors."""
    from waitress import wasyncore

    while not until.is_set():
        wasyncore.loop(timeout=1.0, use_poll=True, map=sockets, count=1)


def _close(sockets: dict[int, Any]) -> None:
    """Send what is still to be sent, for a second at most, and close everything."""
    from waitress import wasyncore

    for _ in range(20):
        if not any(getattr(channel, "total_outbufs_len", 0) for channel in sockets.values()):
            break
        wasyncore.loop(timeout=0.05, use_poll=True, map=sockets, count=1)
    wasyncore.close_all(sockets, ignore_all=True)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host.strip("[]"), port))
        bound.listen(_BACKLOG)  # from here on connections wait; they are never refused while the data is being opened
    except BaseException:
        bound.close()
        raise
    return bound
