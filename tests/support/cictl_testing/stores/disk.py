"""Disks as tests want them: watched, failing, or cut off from their power."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

CALLS = ("open", "pwrite", "fsync", "ftruncate", "close", "replace")
"""The functions of `os` that the store changes files with, and `Path` on its behalf."""


@contextmanager
def watched(before: Callable[[str, tuple[Any, ...]], None]) -> Iterator[None]:
    """Call *before* with name and arguments ahead of each of `CALLS`, on any thread; what it does itself is not watched.

    Raising from it makes the call fail.
    """
    inside = threading.local()
    real = {name: getattr(os, name) for name in CALLS}

    def watch(name: str) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if not getattr(inside, "before", False):
                inside.before = True
                try:
                    before(name, args)
                finally:
                    inside.before = False
            return real[name](*args, **options)

        return call

    with ExitStack() as stack:
        for name in CALLS:
            stack.enter_context(mock.patch.object(os, name, watch(name)))
        yield


def path_of(file: int) -> Path:
    """Return where an open file lies."""
    return Path(f"/proc/self/fd/{file}").readlink()


class PowerCut:
    """What a disk may hold of a directory if the power fails now.

    A file's content is that of its last fsync, and the names are those of the directory's last fsync; of the renames since
    then any may have happened.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._contents: dict[int, bytes] = {}
        self._names: dict[str, int] = {}
        self._renamed: dict[str, int] = {}

    def note(self, name: str, args: tuple[Any, ...]) -> None:
        """Follow a call, as `watched` tells of it."""
        if name == "replace":
            self._renamed[Path(args[1]).name] = Path(args[0]).stat().st_ino
        if name != "fsync":
            return
        state = os.fstat(args[0])
        if stat.S_ISDIR(state.st_mode):
            self._names = {path.name: path.stat().st_ino for path in self._directory.iterdir()}
            self._renamed.clear()
        else:
            self._contents[state.st_ino] = Path(f"/proc/self/fd/{args[0]}").read_bytes()

    def restore(self, directory: Path) -> list[Path]:
        """Write each thing that may be left to a directory below *directory*, and return those."""
        images = [self._names, *({**self._names, name: inode} for name, inode in self._renamed.items())]
        for number, image in enumerate(images):
            (directory / str(number)).mkdir(parents=True)
            for name in image.keys() - {"lock"}:
                (directory / str(number) / name).write_bytes(self._contents.get(image[name], b""))
        return [directory / str(number) for number in range(len(images))]
