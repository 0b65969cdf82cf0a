"""Checking paths from outside, before they become files below a directory of the server."""

from __future__ import annotations

import posixpath
import re

from cictl_server.errors import InvalidRequest

_LONGEST = 4096
_DRIVE = re.compile(r"[A-Za-z]:")


def clean_artifact_path(path: str) -> str:
    """Return *path* cleaned, with `/` between its parts.

    Backslashes are separators too, so that a path means the same on every system.

    Raises:
        InvalidRequest: Empty, absolute, leading out of its directory, with a drive letter or a NUL, or too long.
    """
    portable = path.replace("\\", "/")
    cleaned = posixpath.normpath(portable) if portable else "."
    parts = cleaned.split("/")
    is_bad = (
        cleaned.startswith("/") or cleaned == "." or ".." in parts or "\0" in cleaned or bool(_DRIVE.match(cleaned))
    )
    if is_bad or len(cleaned.encode()) > _LONGEST or any(len(part.encode()) > 255 for part in parts):
        raise InvalidRequest(f'invalid artifact path: "{path}"')
    return cleaned
