"""How systems read paths: names that mean something else on Windows, long paths, and links."""

from __future__ import annotations

import os
import re

# learn.microsoft.com, "Naming Files, Paths, and Namespaces": these name devices, also with anything after a dot.
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])[ ]*(\.|$)", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')

_HAS_JUNCTIONS = os.name == "nt"
_MOUNT_POINT = 0xA000_0003  # IO_REPARSE_TAG_MOUNT_POINT of winnt.h: a junction, which counts as a directory


def is_windows_name(part: str) -> bool:
    """Tell whether one part of a path names the same file on Windows as elsewhere.

    Windows reads `a:b` as a stream of the file `a`, `nul.txt` as a device, and `a.` or `a ` as `a`.
    """
    return not (_FORBIDDEN.search(part) or _DEVICE.match(part) or part.endswith((".", " ")))


def windows_name(name: str) -> str:
    """Return *name*, which has only letters, digits and `._-`, with a `_` before it if it names a device."""
    return f"_{name}" if _DEVICE.match(name) else name


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
