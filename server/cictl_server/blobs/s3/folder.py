"""Objects that are put together: small ones side by side, since each takes a request."""

from __future__ import annotations

import io
from collections import deque
from concurrent.futures import Executor, Future, wait
from datetime import datetime
from typing import Protocol

from cictl_server.blobs.contract import BLOCK, BadKey, Readable, checked_path

_MOST_PENDING = 32


class Send(Protocol):
    def __call__(self, key: str, content: Readable, *, is_executable: bool, modified: datetime | None) -> int: ...


class NewObjects:
    """Objects below a prefix that nobody else uses."""

    def __init__(self, prefix: str, *, send: Send, pool: Executor) -> None:
        self._prefix = prefix
        self._send = send
        self._pool = pool
        self._paths: set[str] = set()
        self._pending: deque[Future[int]] = deque()

    def put(
        self, path: str, content: Readable, *, is_executable: bool = False, modified: datetime | None = None
    ) -> int:
        key = self._prefix + checked_path(path)
        if path in self._paths:
            raise BadKey(path, "it is there already")
        self._paths.add(path)
        try:
            data = read_up_to(content, BLOCK)
            if len(data) == BLOCK:
                return self._send(key, _Joined(data, content), is_executable=is_executable, modified=modified)
            content = io.BytesIO(data)
            self._pending.append(
                self._pool.submit(self._send, key, content, is_executable=is_executable, modified=modified)
            )
            if len(self._pending) > _MOST_PENDING:
                self._pending.popleft().result()
        except BadKey as error:
            raise BadKey(path, error.reason) from error
        return len(data)

    def finish(self) -> None:
        """Return when all are there.

        Raises:
            BlobError: One could not be put.
        """
        while self._pending:
            self._pending.popleft().result()

    def give_up(self) -> None:
        """Return when none is on its way any more."""
        for future in self._pending:
            future.cancel()
        wait(self._pending)


class _Joined:
    """Bytes that were read already, and those that follow."""

    def __init__(self, data: bytes, rest: Readable) -> None:
        self._data = io.BytesIO(data)
        self._rest = rest

    def read(self, size: int, /) -> bytes:
        return self._data.read(size) or self._rest.read(size)


def read_up_to(content: Readable, size: int) -> bytes:
    """Return *size* bytes, or all that follow if these are fewer: one call of `read` may give less than there is."""
    found = bytearray()
    while len(found) < size and (block := content.read(size - len(found))):
        found += block
    return bytes(found)
