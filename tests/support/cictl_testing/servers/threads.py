"""WSGI applications served from threads of the test."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

from cictl_server.httpd.granian.server import GranianHttpd
from cictl_server.httpd.incoming import Admit
from cictl_server.httpd.limits import ConnectionLimits
from cictl_server.httpd.proxies import TrustedProxies
from cictl_server.httpd.turns import IsPage
from cictl_server.httpd.waitress_server import Httpd
from cictl_server.serve import ServerKind
from cictl_testing.servers.whole import kind_tested

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Any]


class ThreadedServer:
    """An application on a free port of the loopback, or on one that is known already, until `stop`."""

    def __init__(
        self,
        app: WsgiApp,
        *,
        port: int = 0,
        threads: int = 16,
        proxies: TrustedProxies | None = None,
        is_page: IsPage = lambda _method, _path: False,
        admit: Admit = lambda _: 1 << 62,
        kind: ServerKind | None = None,
        limits: ConnectionLimits | None = None,
    ) -> None:
        """Begin; *kind* is what answers, by default what is tested."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        self.port = int(listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        served_by = {ServerKind.WAITRESS: Httpd, ServerKind.GRANIAN: GranianHttpd}[kind or kind_tested()]
        self._httpd = served_by(
            app, listener, admit=admit, threads=threads, proxies=proxies, is_page=is_page, limits=limits
        )
        self._thread = threading.Thread(target=self._httpd.run, name=f"server {self.port}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is being answered, and close every connection; twice is fine."""
        self._httpd.stop()
        self._thread.join()


class LocalServer:
    """A WSGI application on a port of its own, behind waitress, since it is part of the test's scenery.

    Between `stop` and `start` the port stays ours, and refuses connections.
    """

    def __init__(self, app: WsgiApp) -> None:
        self._app = app
        self._reserved = self._bind(0)
        self.port: int = self._reserved.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.stopping = threading.Event()
        self._running: ThreadedServer | None = None

    def start(self) -> None:
        self.stopping = threading.Event()
        self._running = ThreadedServer(self._app, port=self.port, threads=8, kind=ServerKind.WAITRESS)

    def stop(self) -> None:
        """Let the threads finish, and close every connection; does nothing when it is stopped."""
        self.stopping.set()
        if self._running is not None:
            self._running.stop()
            self._running = None

    def close(self) -> None:
        self.stop()
        self._reserved.close()

    @staticmethod
    def _bind(port: int) -> socket.socket:
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
        return bound
