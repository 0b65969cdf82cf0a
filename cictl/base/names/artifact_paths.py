"""Names of artifacts: relative paths with `/` between their parts. Whoever gets one checks it before it becomes a file."""

from __future__ import annotations

import errno
import os
import posixpath
import re
import stat
import zipfile
from collections.abc import Container, Mapping

from cictl.base.names.windows_names import is_windows_name

LONGEST_PATH = 1024
"""Bytes. A directory comes before it, and a whole path has at most 4,096 on Linux and 1,024 on macOS."""
DEEPEST_PATH = 64
"""Parts."""
LONGEST_PART = 255

BAD_NAME_ERRORS = frozenset({errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ})
"""What a file system with rules of its own answers to a name that it can't have."""

_ON_WINDOWS = os.name == "nt"
_DRIVE = re.compile(r"[A-Za-z]:(/|$)")


class BadArtifactPath(ValueError):
    """No artifact can have this name; the text says why."""


def clean_path(path: str, *, on_windows: bool = _ON_WINDOWS) -> str:
    """Return *path* cleaned, with `/` between its parts.

    Backslashes are separators too, so that a path means the same on every system. Names that only Windows forbids, such as
    `12:30.log`, are refused on Windows only.

    Raises:
        BadArtifactPath: It is empty, absolute, leads out of its directory, has a drive letter or a NUL, or is too long.
    """
    portable = path.replace("\\", "/")
    cleaned = posixpath.normpath(portable) if portable else "."
    parts = cleaned.split("/")
    if cleaned.startswith("/") or cleaned == "." or parts[0] == ".." or "\0" in cleaned or _DRIVE.match(cleaned):
        raise BadArtifactPath("it is not a path below a directory")
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError as error:
        raise BadArtifactPath("it is not UTF-8") from error
    if len(parts) > DEEPEST_PATH:
        raise BadArtifactPath(f"it has {len(parts)} parts, the limit is {DEEPEST_PATH}")
    if sum(sizes) + len(parts) - 1 > LONGEST_PATH or max(sizes) > LONGEST_PART:
        raise BadArtifactPath(f"the limit is {LONGEST_PATH} bytes, and {LONGEST_PART} for one part")
    if on_windows and not all(map(is_windows_name, parts)):
        raise BadArtifactPath("Windows forbids the name")
    return cleaned


def link_target(path: str, text: str) -> str:
    """Return the path to which the link *path* leads by its *text*, which is relative to the directory of the link.

    Only the names count: directories between artifacts are no links.

    Raises:
        BadArtifactPath: It is absolute or leads out.
    """
    if text.startswith("/") or "\\" in text:
        raise BadArtifactPath("the link does not lead to a path below the directory")
    return clean_path(posixpath.join(posixpath.dirname(path), text))


def link_text(path: str, target: str) -> str:
    """Return what the link *path* must hold to lead to *target*."""
    return posixpath.relpath(target, posixpath.dirname(path) or ".")


def ends_of_links(links: Mapping[str, str], files: Container[str]) -> dict[str, str]:
    """Return the file at the end of each link; those that lead to none of *files*, or in a circle, are left out.

    Args:
        links: The target of each link, which may be another link.
    """
    ends: dict[str, str | None] = {}
    for link in links:
        passed, place = [], link
        while place in links and place not in ends:
            ends[place] = None  # a circle comes back to here
            passed.append(place)
            place = links[place]
        end = ends.get(place, place if place in files else None)
        ends.update(dict.fromkeys(passed, end))
    return {link: end for link, end in ends.items() if end is not None}


def link_entry(path: str) -> zipfile.ZipInfo:
    """Return the entry of a zip for the link *path*; its content is its `link_text`."""
    entry = zipfile.ZipInfo(path)
    entry.create_system = 3  # Unix: so that the mode counts
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry
