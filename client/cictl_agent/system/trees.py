"""Walking and deleting what a job leaves behind, however deep it is: nothing here calls itself.

A job can make directories in directories until no path reaches the last one, and until Python could not follow any more.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from cictl_agent.system.paths import is_link, long_windows_path

_IS_WINDOWS = os.name == "nt"
_DEEP = 32
"""Below so many directories the next ones are moved up before they are emptied, so that every path stays short."""


def remove_tree(path: Path, *, makes_writable: bool = _IS_WINDOWS) -> None:
    """Delete a file, a link, or a tree with read-only directories in it; do nothing if there is none.

    Args:
        makes_writable: Whether files must be writable to be deleted, as on Windows. Elsewhere they keep their modes: a file may
            have another name outside of the tree.

    Raises:
        OSError: Something can't be deleted.
    """
    if path.is_symlink() or path.is_file():
        path.unlink()
        return
    root = long_windows_path(str(path)) if _IS_WINDOWS else str(path)
    if not os.path.lexists(root):
        return
    name, moved = secrets.token_hex(8), 0
    left, seen = [(root, 0)], []
    while left:
        folder, depth = left.pop()
        seen.append(folder)
        for entry in _entries(folder):
            if not entry.is_dir(follow_symlinks=False) or is_link(entry):
                _unlink(entry, makes_writable=makes_writable)
            elif depth < _DEEP:
                left.append((entry.path, depth + 1))
            else:
                moved += 1
                higher = os.path.join(root, f"{name}-{moved}")  # noqa: PTH118 long paths of Windows are texts
                _allow_changes(entry.path)  # a directory that moves must be writable itself
                os.rename(entry.path, higher)  # noqa: PTH104
                left.append((higher, 1))
    for folder in reversed(seen):  # each after all that it held
        os.rmdir(folder)  # noqa: PTH106


def files_below(root: Path, *, leaving_out: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the files below *root* as relative paths with slashes; links to directories are not entered.

    Args:
        leaving_out: Names of directories that are not entered.
    """
    left = [("", root)]
    while left:
        prefix, folder = left.pop()
        try:
            with os.scandir(folder) as listing:
                entries = list(listing)
        except OSError:  # no right to look, or a path that is too long: what nobody can name is nobody's file
            continue
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                yield prefix + entry.name
            elif entry.name not in leaving_out:
                left.append((f"{prefix}{entry.name}/", Path(entry.path)))


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """Return what is in a directory, which can be changed afterwards."""
    _allow_changes(folder)
    with os.scandir(folder) as listing:
        return list(listing)


def _allow_changes(folder: str) -> None:
    mode = os.lstat(folder).st_mode
    if mode & stat.S_IRWXU != stat.S_IRWXU:
        os.chmod(folder, stat.S_IMODE(mode) | stat.S_IRWXU)  # noqa: PTH101


def _unlink(entry: os.DirEntry[str], *, makes_writable: bool) -> None:
    if makes_writable and not is_link(entry):
        os.chmod(entry.path, stat.S_IRUSR | stat.S_IWUSR)  # noqa: PTH101
    if not entry.is_symlink() and entry.is_dir(follow_symlinks=False):  # a junction of Windows
        os.rmdir(entry.path)  # noqa: PTH106
    else:
        os.unlink(entry.path)  # noqa: PTH108
