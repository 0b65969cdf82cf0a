"""Telling links from what they lead to."""

from __future__ import annotations

import os

_HAS_JUNCTIONS = os.name == "nt"
_MOUNT_POINT = 0xA000_0003  # IO_REPARSE_TAG_MOUNT_POINT of winnt.h: a junction, which counts as a directory


def is_link(entry: os.DirEntry[str]) -> bool:
    """Tell whether a directory's entry is a symbolic link or a junction."""
    if entry.is_symlink() or not _HAS_JUNCTIONS:
        return entry.is_symlink()
    return getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0) == _MOUNT_POINT
