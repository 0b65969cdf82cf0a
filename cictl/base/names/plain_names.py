"""Names that are shown: nothing in them may steer a terminal, or turn the direction of writing."""

from __future__ import annotations

MOST_BYTES = 200
RULE = f"must be printable and have at most {MOST_BYTES} bytes"


def is_plain_name(text: str) -> bool:
    """Tell whether *text* has only characters that are seen, and no more than `MOST_BYTES` of UTF-8."""
    return text.isprintable() and len(text.encode()) <= MOST_BYTES


def printable(text: str) -> str:
    """Return *text* with `?` for each character that is not seen: controls, line ends, changes of direction."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)
