"""A server that answers, and then sends one byte after the other for as long as it is listened to."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType

_PAUSE_SECONDS = 0.02


class DrippingServer:
    """Sends *beginning* at once to whoever connects, and then a byte every 20 ms.

    Attributes:
        url: With `http://`.
        found: Set once a client is dripped on.
        lost: Set once a client that was dripped on has gone.
    """

    def __init__(self, beginning: bytes, drop: bytes = b"x") -> None:
        self._beginning = beginning
        self._drop = drop
        self._is_over = threading.Event()
        self.found, self.lost = threading.Event(), threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, name="dripping", daemon=True)]
        self._threads[0].start()

    def await_end(self) -> None:
        """Wait until nobody listens any more. Who was too slow to connect in time never did."""
        for thread in self._threads[1:]:
            thread.join()

    def close(self) -> None:
        self._is_over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in list(self._threads):
            thread.join()

    def __enter__(self) -> DrippingServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._is_over.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._drip, args=(client,), name="drip", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _drip(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            client.sendall(self._beginning)
            self.found.set()
            while not self._is_over.wait(_PAUSE_SECONDS):
                client.sendall(self._drop)
        self.lost.set()
