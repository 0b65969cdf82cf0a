"""How systems read paths: long ones, those of git, and links. Names on Windows are in `cictl.base.names.windows_names`."""

from __future__ import annotations

import os

_HAS_JUNCTIONS = os.name == "nt"
_MOUNT_POINT = 0xA000_0003  # IO_REPARSE_TAG_MOUNT_POINT of winnt.h: a junction, which counts as a directory


def long_windows_path(path: str) -> str:
    r"""Return an absolute path in the form that may exceed 260 characters: `\\?\C:\x`, `\\?\UNC\host\share`."""
    if path.startswith("\\\\?\\"):
        return path
    return "\\\\?\\UNC" + path[1:] if path.startswith("\\\\") else "\\\\?\\" + path


def is_gits_own(name: str) -> bool:
    """Tell whether git keeps a repository under this name, on any system: case and short names of Windows don't matter."""
    return name.rstrip(". ").casefold() in (".git", "git~1")


def is_link(entry: os.DirEntry[str], *, has_junctions: bool = _HAS_JUNCTIONS) -> bool:
    """Tell whether a directory's entry is a symbolic link or a junction."""
    if entry.is_symlink() or not has_junctions:
        return entry.is_symlink()
    return getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0) == _MOUNT_POINT
