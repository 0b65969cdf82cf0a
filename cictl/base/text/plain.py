"""Take out of text from elsewhere what would steer a terminal: escape sequences, controls, direction overrides."""

from __future__ import annotations

import re

from cictl.base.text.characters import STEERING

_PENDING_LIMIT = 4096
"""Bytes of an unfinished escape sequence that are held back; a longer one is not a sequence."""

# ECMA-48: CSI, the string controls (DCS, SOS, OSC, PM, APC) with their terminators, and two-byte escapes.
_ESCAPES = rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[PX\]^_](?s:.{0,4096}?)(?:\x07|\x1b\\|\xc2\x9c)|\x1b[ -/]*[0-Z\\`-~]"
# The same introducers as single C1 characters, in UTF-8.
_C1 = rb"\xc2\x9b[0-?]*[ -/]*[@-~]|\xc2[\x90\x98\x9d-\x9f](?s:.{0,4096}?)(?:\x07|\x1b\\|\xc2\x9c)"
_SEQUENCES = re.compile(_ESCAPES + b"|" + _C1)
# What is left of them, every C0 but tab and newline, and DEL; and what turns the direction of writing (`STEERING`), in UTF-8.
_TURNS = rb"\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]"
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|" + _TURNS)
_UNFINISHED = re.compile(
    rb"(?:\x1b(?:\[[0-?]*[ -/]*|[PX\]^_](?s:.*)|[ -/]*)|\xc2(?:\x9b[0-?]*[ -/]*|[\x90\x98\x9d-\x9f](?s:.*))?"
    rb"|\xd8|\xe2[\x80\x81]?|\r)\Z"
)
_SUSPECT = bytes(byte for byte in range(32) if byte not in b"\t\n") + b"\x7f\xc2\xd8\xe2"
"""Every sequence and every control has at least one of these bytes."""

_NAME_CONTROLS = re.compile(f"[{STEERING}]")


def plain(text: str) -> str:
    """Return *text* as one printable line: sequences removed, controls and line ends turned into blanks."""
    stripped = _SEQUENCES.sub(b"", text.encode(errors="replace")).decode(errors="replace")
    return _NAME_CONTROLS.sub(" ", stripped)


class LogCleaner:
    """Strips a stream of log bytes; a sequence cut in two by chunk borders is still found.

    A carriage return becomes a newline, so that progress bars in a log neither hide nor overwrite lines.
    """

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> bytes:
        """Return what of *data*, and of what was held back, is ready to be shown."""
        if not self._pending and len(data.translate(None, _SUSPECT)) == len(data):
            return data  # most pieces are like this, and need none of the work below
        data = self._pending + data
        self._pending = b""
        data = _SEQUENCES.sub(b"", data)
        unfinished = _UNFINISHED.search(data, max(0, len(data) - _PENDING_LIMIT))
        if unfinished:
            data, self._pending = data[: unfinished.start()], data[unfinished.start() :]
        return _strip(data)

    def close(self) -> bytes:
        """Return the rest at the end of the stream."""
        rest, self._pending = self._pending, b""
        return _strip(rest)


def _strip(data: bytes) -> bytes:
    return _CONTROLS.sub(b"", data.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
