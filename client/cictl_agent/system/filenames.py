"""What Windows makes of file names."""

from __future__ import annotations

import re

# learn.microsoft.com, "Naming Files, Paths, and Namespaces": these name devices, also with anything after a dot.
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])[ ]*(\.|$)", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')


def is_windows_name(part: str) -> bool:
    """Tell whether one part of a path means the same file on Windows as elsewhere.

    A colon would name a stream of another file, a device is no file, and dots and blanks at the end are dropped.
    """
    return not (_FORBIDDEN.search(part) or _DEVICE.match(part) or part.endswith((".", " ")))


def windows_name(name: str) -> str:
    """Return *name*, of letters, digits and `._-`, as one that is no device's."""
    return f"_{name}" if _DEVICE.match(name) else name


def long_windows_path(path: str) -> str:
    r"""Return an absolute path in the form that may have more than 260 characters: `\\?\C:\x`, `\\?\UNC\host\share`."""
    if path.startswith("\\\\?\\"):
        return path
    return "\\\\?\\UNC" + path[1:] if path.startswith("\\\\") else "\\\\?\\" + path
