"""What happens to a log between the server and the screen: control sequences out, lines chosen, times in front."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from cictl.cli.output.plain import LogCleaner
from cictl.cli.output.text import iso

MAX_LINE = 1 << 20
"""The most bytes of an unfinished line that are held; a longer line counts as several."""

_NO_TIME = " " * len("2026-01-31T12:00:00Z")

Sink = Callable[[bytes], None]


class LogFilter:
    """Takes the bytes of one log in their order, and hands on what is to be shown of them.

    Without a pattern and without times, bytes go on as they come; otherwise whole lines do.

    Args:
        raw: Leave terminal control sequences in.
        pattern: Only the lines in which it is found.
        timestamps: Put in front of each line when its first byte came to the server.

    Attributes:
        found: Whether any line was handed on.
    """

    def __init__(
        self, sink: Sink, *, raw: bool, pattern: re.Pattern[str] | None = None, timestamps: bool = False
    ) -> None:
        self._sink = sink
        self._cleaner = None if raw else LogCleaner()
        self._pattern = pattern
        self._timestamps = timestamps
        self._held = b""
        self._held_since: datetime | None = None
        self.found = False

    def feed(self, data: bytes, received: datetime | None = None) -> None:
        """Take the next bytes, which came to the server at *received*."""
        self._take(self._cleaner.feed(data) if self._cleaner else data, received)

    def close(self) -> None:
        """Hand on what is left at the log's end."""
        if self._cleaner:
            self._take(self._cleaner.close(), self._held_since)
        if self._held:
            self._hand_on([self._held], self._held_since, None)
            self._held = b""

    def _take(self, data: bytes, received: datetime | None) -> None:
        if not data:
            return
        if self._pattern is None and not self._timestamps:
            self.found = True
            self._sink(data)
            return
        # A line may come in several pieces. It is held until its newline, with the time of its first byte: that is the
        # time to show, and the pattern must see the line whole. So the first line of a piece may be older than the rest.
        first = self._held_since if self._held else received
        lines = (self._held + data).splitlines(keepends=True) if self._held else data.splitlines(keepends=True)
        is_open = not lines[-1].endswith(b"\n") and len(lines[-1]) < MAX_LINE
        self._held = lines.pop() if is_open else b""
        self._held_since = first if is_open and not lines else received
        self._hand_on(lines, first, received)

    def _hand_on(self, lines: list[bytes], first: datetime | None, rest: datetime | None) -> None:
        """Hand on the chosen ones of *lines*; the first came at *first*, all others at *rest*."""
        if not lines:
            return
        shown = self._chosen(lines[:1], self._stamp(first))
        shown += self._chosen(lines[1:], self._stamp(rest))
        if shown:
            self.found = True
            self._sink(b"".join(shown))

    def _chosen(self, lines: list[bytes], stamp: bytes) -> list[bytes]:
        if self._pattern is not None:
            search = self._pattern.search
            lines = [line for line in lines if search(line.decode(errors="replace").rstrip("\r\n"))]
        return [stamp + line for line in lines] if stamp else lines

    def _stamp(self, time: datetime | None) -> bytes:
        return f"{iso(time) if time else _NO_TIME} ".encode() if self._timestamps else b""
