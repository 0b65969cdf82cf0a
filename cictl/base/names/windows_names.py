"""Names that mean something else on Windows, or nothing."""

from __future__ import annotations

import re

# learn.microsoft.com, "Naming Files, Paths, and Namespaces": these name devices, also with anything after a dot.
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])[ ]*(\.|$)", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')


def is_windows_name(part: str) -> bool:
    """Tell whether one part of a path names the same file on Windows as elsewhere.

    Windows reads `a:b` as a stream of the file `a`, `nul.txt` as a device, and `a.` or `a ` as `a`.
    """
    return not (_FORBIDDEN.search(part) or _DEVICE.match(part) or part.endswith((".", " ")))


def windows_name(name: str) -> str:
    """Return *name*, which has only letters, digits and `._-`, with a `_` before it if it names a device."""
    return f"_{name}" if _DEVICE.match(name) else name
