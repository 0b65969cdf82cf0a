"""Places below a folder of ours whose names came from elsewhere, such as out of a record of a restored backup."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class NotBeneath(FileNotFoundError):
    """The place is not below the folder, or a link, a pipe or a device is on the way. So it counts as one that is not there."""


def beneath(root: Path, path: str) -> Path:
    """Return the place *path* below *root*: a file or folder that no link leads to, or nothing yet.

    Args:
        root: May itself be a link: its owner says where it is.
        path: Relative, with `/` between its parts.

    Raises:
        NotBeneath: It leads out of *root*, or passes what is neither a plain file nor a folder.
    """
    if leads_out(path):
        raise NotBeneath(f"{path!r} leads out of {root}")
    place = str(root)
    for part in path.split("/"):
        place = f"{place}/{part}"  # text, because this runs for each piece of a log
        mode = _mode(place)
        if mode is None:
            break
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise NotBeneath(f"{place} is neither a file nor a folder")
    return root / path


def leads_out(path: str) -> bool:
    """Tell whether *path* by its words alone names no place below a folder: it is absolute, empty, or climbs with `..`."""
    return "\0" in path or any(part in ("", ".", "..") for part in path.split("/"))


def _mode(place: str) -> int | None:
    """Return the mode of what is at *place*, not of what a link there leads to; None if nothing is.

    Raises:
        NotBeneath: Nothing can have this name.
    """
    try:
        return os.lstat(place).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise NotBeneath(f"{place}: {error.strerror}") from error
