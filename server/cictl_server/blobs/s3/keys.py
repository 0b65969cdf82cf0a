"""How a key is written in a bucket: as it is, but for characters that object stores don't take."""

from __future__ import annotations

import re
from urllib.parse import unquote

from cictl_server.blobs.contract import BadKey

LONGEST = 1024
"""Bytes of a key of S3, with its prefix."""

# The library refuses control characters, servers that keep objects as files take a backslash for a separator, and the percent
# sign says that something is written otherwise.
_ODD = re.compile(r"[\x00-\x1f\x7f%\\]")


def written(key: str, *, prefix: str) -> str:
    """Return how *key* is written below *prefix*, which is not part of the result.

    Raises:
        BadKey: It would be too long, or is not UTF-8.
    """
    text = _ODD.sub(lambda found: f"%{ord(found[0]):02X}", key)
    try:
        size = len(f"{prefix}/{text}".encode())
    except UnicodeEncodeError:
        raise BadKey(key, "it is not UTF-8") from None
    if size > LONGEST:
        raise BadKey(key, f"its key in the bucket would have {size} bytes, the limit is {LONGEST}")
    return text


def read(text: str) -> str:
    """Return the key that is written as *text*."""
    return unquote(text)
