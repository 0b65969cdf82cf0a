"""Walking and deleting what a job leaves behind, however deep it is: nothing here calls itself.

A job can make directories in directories until no path reaches the last one, and until Python could not follow any more.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from cictl_agent.system.paths import is_link, long_windows_path

_IS_WINDOWS = os.name == "nt"


def remove_tree(path: Path) -> None:
    """Delete a file, a link, or a tree with read-only directories in it; do nothing if there is none.

    Raises:
        OSError: Something can't be deleted.
    """
    try:
        mode = path.lstat().st_mode
    except OSError:
        return
    if stat.S_ISLNK(mode) or stat.S_ISREG(mode):
        path.unlink()
    elif _IS_WINDOWS:
        root = long_windows_path(str(path))
        make_writable(Path(root))
        shutil.rmtree(root)
    else:
        try:
            path.rmdir()  # mostly it is empty
        except OSError:
            _empty(path)
            path.rmdir()


def make_writable(root: Path) -> None:
    """Let the owner write to every file below *root*: Windows deletes no other. What links lead to is left as it is."""
    left = [root]
    while left:
        with os.scandir(left.pop()) as listing:
            for entry in listing:
                if is_link(entry):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    left.append(Path(entry.path))
                else:
                    Path(entry.path).chmod(stat.S_IRUSR | stat.S_IWUSR)


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


def _empty(root: Path) -> None:
    """Delete all that is in *root*.

    Every directory is opened by its name below an open one, so a link that something puts in its place is not followed.
    Directories that hold others are no deeper than one below *root*: the inner ones are moved up before they are emptied.
    """
    top = _open(str(root))
    name, moved = secrets.token_hex(8), 0
    try:
        left = _without_files(top)
        while left:
            folder = left.pop()
            inside = _open(folder, top)
            try:
                for below in _without_files(inside):
                    moved += 1
                    _move(below, f"{name}-{moved}", inside, top)
                    left.append(f"{name}-{moved}")
            finally:
                os.close(inside)
            os.rmdir(folder, dir_fd=top)
    finally:
        os.close(top)


def _without_files(folder: int) -> list[str]:
    """Delete the files and links in an open directory, and return the names of the directories in it."""
    directories = []
    with os.scandir(folder) as listing:
        for entry in list(listing):
            if entry.is_dir(follow_symlinks=False):
                directories.append(entry.name)
            else:
                os.unlink(entry.name, dir_fd=folder)
    return directories


def _open(name: str, within: int | None = None) -> int:
    """Open a directory, which can be changed afterwards."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        opened = os.open(name, flags, dir_fd=within)
    except PermissionError:
        os.chmod(name, stat.S_IRWXU, dir_fd=within)
        opened = os.open(name, flags, dir_fd=within)
    mode = os.fstat(opened).st_mode
    if mode & stat.S_IRWXU != stat.S_IRWXU:
        os.fchmod(opened, stat.S_IMODE(mode) | stat.S_IRWXU)
    return opened


def _move(name: str, new: str, within: int, target: int) -> None:
    try:
        os.rename(name, new, src_dir_fd=within, dst_dir_fd=target)
    except PermissionError:  # a directory that moves must be writable itself
        os.chmod(name, stat.S_IRWXU, dir_fd=within)
        os.rename(name, new, src_dir_fd=within, dst_dir_fd=target)
