"""Reading an object piece by piece, so that a slow client holds no request open, and no more than a piece in memory."""

from __future__ import annotations

from collections.abc import Callable

from cictl_server.blobs.contract import Blob

Fetch = Callable[[int, int], bytes]
"""Gets the bytes from one position to another, exclusive."""

PIECE = 4 << 20


class ObjectReader:
    def __init__(self, blob: Blob, first: bytes, fetch: Fetch, *, start: int, end: int, is_executable: bool) -> None:
        """Read the bytes from *start* to *end*, of which *first* are here already."""
        self.blob = blob
        self.is_executable = is_executable
        self._piece = memoryview(first)
        self._fetch = fetch
        self._position = start + len(first)
        self._end = end

    def read(self, size: int, /) -> bytes:
        if not self._piece and self._position < self._end:
            until = min(self._position + PIECE, self._end)
            self._piece = memoryview(self._fetch(self._position, until))
            self._position = until
        block, self._piece = bytes(self._piece[:size]), self._piece[size:]
        return block

    def extents(self) -> None:
        return None

    def close(self) -> None:
        self._piece, self._position = memoryview(b""), self._end

    def __enter__(self) -> ObjectReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
