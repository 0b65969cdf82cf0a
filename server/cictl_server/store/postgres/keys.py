"""What records are looked up by, as PostgreSQL can index it."""

from __future__ import annotations

import hashlib

_LONGEST = 400
"""Bytes of a text that is indexed as it is. PostgreSQL refuses those above 2,700."""

_LARGEST_NUMBER = 2**63 - 1


def text_key(text: str) -> str:
    """Return *text*, or what stands for it in an index if it is too long, or has a NUL, which PostgreSQL's texts can't have."""
    encoded = text.encode()
    if len(encoded) <= _LONGEST and "\0" not in text:
        return text
    return f"sha256:{hashlib.sha256(encoded).hexdigest()}"


def optional_key(text: str) -> str | None:
    """Return the same; None for an empty text, of which there is nothing to look up."""
    return text_key(text) if text else None


def is_number(number: int) -> bool:
    """Tell whether *number* can be a key; callers may ask for any."""
    return -_LARGEST_NUMBER <= number <= _LARGEST_NUMBER


def capped(number: int) -> int:
    """Return *number* as a limit that a column of numbers can be compared with."""
    return max(-_LARGEST_NUMBER, min(number, _LARGEST_NUMBER))
