"""What happens to a log between the server and the screen: control sequences out, lines chosen, times in front."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from cictl.base.text.plain import LogCleaner
from cictl.cli.output.text import iso

MAX_LINE = 1 << 20
"""The most bytes of an unfinished line that are held; a longer line counts as several."""

_NO_TIME = " " * len("2026-01-31T12:00:00Z")

Sink = Callable[[bytes], None]
LineSink = Callable[[list[bytes], datetime | None], None]
"""Takes lines, with their newlines, and the time when they came to the server, if it is known."""


def stamped(sink: Sink) -> LineSink:
    """Return what writes each line to *sink* behind its time."""

    def take(lines: list[bytes], time: datetime | None) -> None:
        stamp = f"{iso(time) if time else _NO_TIME} ".encode()
        sink(b"".join(stamp + line for line in lines))

    return take


class LogFilter:
    """Takes the bytes of one log in their order, and hands on what is to be shown of them.

    Without a pattern and without *by_line*, bytes go on as they come; otherwise whole lines do.

    Args:
        raw: Leave terminal control sequences in.
        pattern: Only the lines in which it is found.
        by_line: Takes the lines instead of *sink*; the time of a line is that of its first byte.

    Attributes:
        found: Whether any line was handed on.
    """

    def __init__(
        self, sink: Sink, *, raw: bool, pattern: re.Pattern[str] | None = None, by_line: LineSink | None = None
    ) -> None:
        self._sink = sink
        self._cleaner = None if raw else LogCleaner()
        self._pattern = pattern
        self._by_line = by_line
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
        if self._pattern is None and self._by_line is None:
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
        self._pass(lines[:1], first)
        self._pass(lines[1:], rest)

    def _pass(self, lines: list[bytes], time: datetime | None) -> None:
        if self._pattern is not None:
            search = self._pattern.search
            lines = [line for line in lines if search(line.decode(errors="replace").rstrip("\r\n"))]
        if not lines:
            return
        self.found = True
        if self._by_line is not None:
            self._by_line(lines, time)
        else:
            self._sink(b"".join(lines))
