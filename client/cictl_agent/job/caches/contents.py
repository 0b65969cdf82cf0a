"""The contents that the caches of one project had after successful jobs, on disk: by cache, branch and key.

A content is a folder `ID/BRANCH/KEY` with the files, the key, and the time of its last use. A job only ever gets a copy, and what it
leaves becomes a new content at once or not at all, so jobs that run side by side don't see each other's changes. Whoever calls a
function here has the cache to itself.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cictl_agent.job.caches.directories import telling_name
from cictl_agent.system.trees import remove_tree

_KEY, _FILES, _USED = "key", "files", "used"
_NEW = "~new"
"""What is being saved. No branch has this name: `telling_name` leaves no tilde."""
_MOST_OF_A_BRANCH = 3
"""How many contents of one cache and branch stay, the newest."""
_UNUSED = timedelta(days=30)
"""How long a content stays that no job asks for."""

Check = Callable[[], None]
"""Raises when the copying is to stop."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """One content."""

    key: str
    folder: Path

    @property
    def saved(self) -> int:
        """When it was saved, in nanoseconds."""
        return (self.folder / _KEY).stat().st_mtime_ns

    def copy_to(self, target: Path, check: Check) -> None:
        """Copy the files to *target*, which is not there yet, and note the use.

        Raises:
            OSError: They can't be copied; *target* is not there.
        """
        _copy(self.folder / _FILES, target, check)
        (self.folder / _USED).touch()


def find(cache: Path, branches: Sequence[str], key: str, fallback_keys: Iterable[str]) -> Content | None:
    """Return the content of *key*, else the newest whose key begins with a fallback key, the best of these first.

    Args:
        cache: The folder of one cache.
        branches: Whose contents count; those of an earlier one go before others.
    """
    for branch in branches:
        if (content := _read(_folder(cache, branch, key))) is not None:
            return content
    for prefix in fallback_keys:
        for branch in branches:
            found = [content for content in _all(cache / _short(branch)) if content.key.startswith(prefix)]
            if found:
                return max(found, key=lambda content: content.saved)
    return None


def save(cache: Path, branch: str, key: str, files: Path, *, now: datetime, check: Check) -> None:
    """Make the content of *key* of the files below *files*, replacing the one that is there, and remove what is old.

    Raises:
        OSError: The files can't be copied; the content that was there stays.
    """
    folder = _folder(cache, branch, key)
    new = cache / _NEW
    remove_tree(new)  # of an agent that was killed
    try:
        _copy(files, new / _FILES, check)
        (new / _KEY).write_text(key, "utf-8")
        (new / _USED).touch()
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_tree(folder)
        new.rename(folder)
    finally:
        remove_tree(new)
    _remove_old(cache, folder.parent, now)


def _remove_old(cache: Path, branch: Path, now: datetime) -> None:
    newest_last = sorted(_all(branch), key=lambda content: content.saved)
    for content in newest_last[:-_MOST_OF_A_BRANCH]:
        remove_tree(content.folder)
    for other in cache.iterdir():
        for content in _all(other):
            if (content.folder / _USED).stat().st_mtime < (now - _UNUSED).timestamp():
                remove_tree(content.folder)


def _all(branch: Path) -> Iterator[Content]:
    if branch.is_dir():
        yield from filter(None, map(_read, branch.iterdir()))


def _read(folder: Path) -> Content | None:
    try:
        return Content(key=(folder / _KEY).read_text("utf-8"), folder=folder)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _folder(cache: Path, branch: str, key: str) -> Path:
    return cache / _short(branch) / _short(key)


def _short(name: str) -> str:
    return telling_name(name, identity=name)


def _copy(source: Path, target: Path, check: Check) -> None:
    """Copy a folder with its links, permissions and times; pipes, sockets and devices are left out."""

    def copy(one: str, other: str) -> None:
        check()
        shutil.copy2(one, other, follow_symlinks=False)

    try:
        shutil.copytree(source, target, symlinks=True, ignore=_special, copy_function=copy)
    except shutil.Error as error:  # a list of what failed
        remove_tree(target)
        raise OSError(str(error.args[0][0][2])) from error
    except BaseException:
        remove_tree(target)
        raise


def _special(folder: str, names: list[str]) -> list[str]:
    def is_special(name: str) -> bool:
        mode = os.lstat(os.path.join(folder, name)).st_mode  # noqa: PTH118
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode))

    return [name for name in names if is_special(name)]
