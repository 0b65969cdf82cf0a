"""Copying a folder that somebody else may have filled: its plain files alone, and a word on all that is left out."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import IO

import msgspec

from cictl.base.names.artifact_paths import DEEPEST_PATH
from cictl_server.blobs.directory import UNFINISHED

_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_DEEPEST = DEEPEST_PATH + 3
"""An artifact lies in `artifacts/job-N/G`."""
_PERMISSIONS = 0o777
_BLOCK = 1 << 20


class NotPlain(OSError):
    """What is at a place is no plain file with one name; the text says what it is."""


class TreeCopy(msgspec.Struct, kw_only=True):
    """What was copied so far.

    Attributes:
        left_out: A text for each entry that was not taken, such as `logs/job-1.log is a link`.
    """

    files: int = 0
    size_bytes: int = 0
    left_out: list[str] = msgspec.field(default_factory=list)


def copy_tree(source: Path, target: Path, copy: TreeCopy, *, name: str) -> None:
    """Copy the file or folder *source*, called *name* in messages, to *target*. What vanishes meanwhile is passed over.

    Links are not followed, and neither they nor pipes, devices and files with several names are copied: what stands behind
    them is not the folder's own. Uploads that nobody was told of yet are passed over.
    """
    if name.count("/") == 1 and source.name.startswith(UNFINISHED):
        return
    if name.count("/") > _DEEPEST:
        copy.left_out.append(f"{name} lies too deep")
        return
    try:
        with _opened(source) as content:
            copy.size_bytes += _copy_file(content, target)
            copy.files += 1
    except FileNotFoundError:
        return
    except NotPlain as error:
        copy.left_out.append(f"{name} is {error}")
    except IsADirectoryError:
        target.mkdir(mode=0o700, exist_ok=True)
        for entry in _entries(source):
            copy_tree(entry, target / entry.name, copy, name=f"{name}/{entry.name}")


def read_plain(path: Path) -> bytes:
    """Return the content of a plain file.

    Raises:
        FileNotFoundError: There is none.
        NotPlain: It is a link, a pipe, a device, a folder, or has several names.
    """
    try:
        with _opened(path) as content:
            return content.read()
    except IsADirectoryError:
        raise NotPlain("a folder") from None


def _opened(path: Path) -> IO[bytes]:
    """Open a plain file. It is looked at before, because opening alone can hang at a pipe, and after, because it may change.

    Raises:
        NotPlain: It is none.
        IsADirectoryError: It is a folder.
    """
    _check(path.lstat())
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        _check(os.fstat(file.fileno()))
    except BaseException:
        file.close()
        raise
    return file


def _check(info: os.stat_result) -> None:
    if stat.S_ISDIR(info.st_mode):
        raise IsADirectoryError
    if not stat.S_ISREG(info.st_mode):
        raise NotPlain(_KINDS.get(stat.S_IFMT(info.st_mode), "no plain file"))
    if info.st_nlink > 1:
        raise NotPlain("a file with several names (hard links)")


def _copy_file(content: IO[bytes], target: Path) -> int:
    """Copy an open file with its permissions and its time, which tells readers whether they have it already."""
    info = os.fstat(content.fileno())
    with target.open("xb") as out:
        shutil.copyfileobj(content, out, _BLOCK)
        size = out.tell()
    target.chmod(info.st_mode & _PERMISSIONS)
    os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns))
    return size


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
