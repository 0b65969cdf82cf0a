"""A load generator: one process with keep-alive connections, each of which repeats its requests."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from figures import Untrue


class Connection:
    """One keep-alive connection. It speaks just enough HTTP, so that the generator costs little beside the server."""

    def __init__(self, url: str, *, source: str = "", timeout: float | None = None) -> None:
        """Connect, from the address *source* where it is given. What takes longer than *timeout* seconds fails."""
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._host = parts.netloc
        self._socket = socket.create_connection((parts.hostname, parts.port or 80), timeout, (source, 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def send(
        self, method: str, path: str, body: bytes = b"", *, headers: str = "", expect: Collection[int] = (200,)
    ) -> tuple[int, bytes]:
        """Send a request, and return the status and body of its answer, which must have a Content-Length.

        Raises:
            Untrue: The status is not in *expect*.
        """
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self._socket.sendall(head.encode() + body)
        while b"\r\n\r\n" not in self._buffer:
            self._receive()
        top, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lines = top.split(b"\r\n")
        length = next(int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length"))
        while len(self._buffer) < length:
            self._receive()
        answer, self._buffer = self._buffer[:length], self._buffer[length:]
        status = int(lines[0].split()[1])
        if status not in expect:
            raise Untrue(f"{method} {path} was answered with {status}: {answer[:200].decode(errors='replace')}")
        return status, answer

    def say(self, data: bytes) -> None:
        """Send *data*, and wait for nothing."""
        self._socket.sendall(data)

    def close(self) -> None:
        self._socket.close()

    def _receive(self) -> None:
        data = self._socket.recv(1 << 16)
        if not data:
            raise Untrue("the server closed the connection")
        self._buffer += data


def rate(url: str, work: Callable[[Connection, int], int], *, connections: int, seconds: float) -> float:
    """Return the requests per second of so many connections that call *work*, which returns how many requests it made.

    Raises:
        Untrue: A call of *work* raised it; the first such error is raised.
    """
    done = [0] * connections
    failures: list[Exception] = []
    stop = time.monotonic() + seconds

    def run(index: int) -> None:
        connection = Connection(url)
        try:
            while time.monotonic() < stop and not failures:
                done[index] += work(connection, index)
        except Exception as error:  # noqa: BLE001 raised below, in the thread that waits
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(connections)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(done) / (time.monotonic() - begun)
