"""Log bytes on the screen: lines of several jobs are never mixed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TextIO

from cictl.cli.output.text import write_bytes

MAX_HELD = 65_536
"""The most bytes of an unfinished line that are held back; a longer line is cut."""


class LineEnd:
    """A sink that ends the last line, if the log did not."""

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self._sink = sink
        self._is_open = False

    def __call__(self, data: bytes) -> None:
        self._sink(data)
        self._is_open = not data.endswith(b"\n") if data else self._is_open

    def close(self) -> None:
        """End the line that is open."""
        if self._is_open:
            self(b"\n")


class LogWriter:
    """Writes the logs of several jobs to one stream, whole lines at a time.

    One job's log passes through as it comes; with several, each line begins with its job's label.
    """

    def __init__(self, stream: TextIO, *, labelled: bool) -> None:
        self._stream = stream
        self._labelled = labelled
        self._held: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def feed(self, label: str, data: bytes) -> None:
        """Write *data*, the next bytes of the log of *label*."""
        if not self._labelled:
            self._write(data)
            return
        # Each label is fed by one thread, so what is held needs no lock; only the stream is shared. Whole lines go out in
        # one write: two jobs never share a line, at the price that an unfinished one, such as a prompt, comes late.
        data = self._held.pop(label, b"") + data
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            self._write(_labelled(label, whole))
        if len(rest) > MAX_HELD:
            self._write(_labelled(label, rest))
        elif rest:
            self._held[label] = rest

    def end(self, label: str) -> None:
        """Write what is left of the log of *label*."""
        rest = self._held.pop(label, b"")
        if rest:
            self._write(_labelled(label, rest))

    def _write(self, data: bytes) -> None:
        if not data:
            return
        with self._lock:
            write_bytes(self._stream, data)


def _labelled(label: str, lines: bytes) -> bytes:
    head = f"{label} | ".encode()
    return b"".join(head + line + b"\n" for line in lines.split(b"\n"))
