"""A WSGI application served from a thread of the test."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

from cictl_server.httpd import Httpd


class ThreadedServer:
    """An application on a free port of the loopback, or on one that is known already, until `stop`."""

    def __init__(self, app: Callable[..., Any], *, port: int = 0, threads: int = 16) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        self.port = int(listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._httpd = Httpd(app, listener, threads=threads)
        self._thread = threading.Thread(target=self._httpd.run, name=f"server {self.port}")
        self._thread.start()

    def stop(self) -> None:
        """Finish what is being answered, and close every connection; twice is fine."""
        self._httpd.stop()
        self._thread.join()
