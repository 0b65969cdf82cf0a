"""Folders and files that only the agent's own account can read. Windows gives both the rights of the folder that they are in."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path
from typing import IO

logger = logging.getLogger(__name__)

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private_folder(path: Path) -> None:
    """Make a folder, or take the rights to the one that is there, and to the files in it, from everybody else.

    What belongs to another account stays as it is, and a warning tells so.

    Raises:
        OSError: It can't be made.
    """
    path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    _close(path, FOLDER_MODE)
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                _close(Path(entry.path), FILE_MODE)


def open_private(path: Path) -> IO[bytes]:
    """Open a file for writing, without a buffer. It is emptied, and only this account can read it.

    Raises:
        OSError: It can't be opened.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags, FILE_MODE), "wb", buffering=0)
    _close(path, FILE_MODE)
    return file


def _close(path: Path, mode: int) -> None:
    if os.name == "nt" or not path.stat().st_mode & _OTHERS:
        return
    try:
        path.chmod(mode)
    except PermissionError:
        logger.warning("others can read %s: it belongs to another account", path)
