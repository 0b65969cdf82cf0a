"""Times, widths and colours: how single values look, and what the terminal can show."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

_STYLES = {
    "succeeded": "green",
    "failed": "red",
    "cancelled": "magenta",
    "running": "cyan",
    "leased": "cyan",
    "queued": "yellow",
    "online": "green",
    "stale": "yellow",
    "offline": "red",
    "deactivated": "magenta",
    "draining": "magenta",
    "ok": "green",
    "normal": "green",
    "degraded_offline": "red",
}


def style_of(word: str) -> str:
    """Return the colour of a state; empty for any other word."""
    return _STYLES.get(word, "")


def write_bytes(stream: TextIO, data: bytes) -> None:
    """Write all of *data* to the bytes below *stream*, and flush.

    An unbuffered stream (`python -u`) may take a part only, and tells of a closed pipe at the next attempt.
    """
    stream.flush()
    if not hasattr(stream, "buffer"):
        stream.write(data.decode(errors="replace"))
        return
    rest = memoryview(data)
    while rest:
        rest = rest[stream.buffer.write(rest) :]
    stream.buffer.flush()


def iso(instant: datetime) -> str:
    """Return *instant* as ISO 8601 in UTC, to the second."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def shorten(text: str, width: int) -> str:
    """Return *text* in at most *width* columns of a terminal, with an ellipsis in its middle if it is longer."""
    if width_of(text) <= width:
        return text
    head, tail = text[: (width + 1) // 2], text[-(width // 2) :]
    while width_of(head) + width_of(tail) + 1 > width and head:
        head, tail = (head[:-1], tail) if len(head) >= len(tail) else (head, tail[1:])
    return f"{head}…{tail}"


_COMMAND = re.compile(r"`[^`]*`|(?<=: )cictl .*")
_HELD_SPACE = "\0"
"""Stands for a space at which no line may break; `plain` has removed it from what is shown."""


def folded(lead: str, text: str, *, width: int | None) -> str:
    """Return *lead* and *text* as lines of at most *width* columns, broken between words; without a width as one line.

    A command, in backquotes or after a colon at the end, stays whole: people copy it.
    """
    if width is None or len(lead) + len(text) <= width:
        return f"{lead}{text}".rstrip() + "\n"
    import textwrap

    indent = " " * len(lead)
    folded = textwrap.fill(
        _COMMAND.sub(lambda found: found[0].replace(" ", _HELD_SPACE), text),
        width=width,
        initial_indent=lead,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return folded.replace(_HELD_SPACE, " ") + "\n"


def is_terminal(stream: TextIO) -> bool:
    """Tell whether a person looks at *stream*."""
    try:
        return stream.isatty()
    except ValueError:
        return False


def has_colour(stream: TextIO, env: Mapping[str, str]) -> bool:
    """Tell whether *stream* may show colour and motion: a terminal, no NO_COLOR (no-color.org), not a dumb one."""
    return is_terminal(stream) and not env.get("NO_COLOR") and env.get("TERM") != "dumb"


def has_links(stream: TextIO, env: Mapping[str, str]) -> bool:
    """Tell whether *stream* may have links (OSC 8). Terminals that know none ignore them, except the console of Linux."""
    return has_colour(stream, env) and env.get("TERM") != "linux"


def columns_of(stream: TextIO, env: Mapping[str, str]) -> int:
    """Return the width of *stream*: COLUMNS, else the terminal's, else 80."""
    given = env.get("COLUMNS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def width_of(text: str) -> int:
    """Return how many columns of a terminal *text* takes: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else not unicodedata.combining(c) for c in text)
