"""Opening files that a job left, of which any part may be replaced by a link while we look."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def open_beneath(root: Path, path: str) -> int:
    """Open the regular file *path* below *root* for reading, and return its descriptor.

    Links that stay below *root* are followed, as they are at this moment. What is no regular file is not even opened: a
    pipe would hang, and some devices do something when they are opened.

    Raises:
        OSError: It leads out of *root*, is not a regular file, or can't be opened; `strerror` says which.
    """
    top = Path(os.path.realpath(root))
    resolved = Path(os.path.realpath(root / path, strict=True))
    if not resolved.is_relative_to(top):
        raise OSError(errno.EXDEV, "it leads out of the checkout")
    *folders, name = resolved.relative_to(top).parts or (".",)
    if os.open not in os.supports_dir_fd:
        return _checked(os.open(resolved, _READING))
    folder = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for inner in folders:  # the resolved path has no link in it: one that is met came meanwhile
            below = os.open(inner, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK, dir_fd=folder)
            os.close(folder)
            folder = below
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise _irregular()
        return _checked(os.open(name, _READING | _NO_LINK, dir_fd=folder))
    finally:
        os.close(folder)


def make_marker(folder: Path, name: str) -> None:
    """Make an empty file, or give the one that is there the present time. Whatever else has the name is replaced.

    Raises:
        OSError: It can't be made.
    """
    path = folder / name
    if path.is_symlink() or (path.exists() and not path.is_file()):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_NONBLOCK", 0) | _NO_LINK, 0o666)
    os.close(descriptor)
    os.utime(path, follow_symlinks=os.utime not in os.supports_follow_symlinks)


def _checked(descriptor: int) -> int:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _irregular()
    return descriptor


def _irregular() -> OSError:
    return OSError(errno.EINVAL, "not a regular file")
