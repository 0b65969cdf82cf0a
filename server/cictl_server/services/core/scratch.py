"""Temporary folders of the server, in its data directory: what is large has room there, and what a killed server left is found."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

FOLDER = "tmp"
"""In the data directory."""

LEFT_AFTER = timedelta(days=1)
"""A folder that is older was left by a server that was killed."""


class Scratch(msgspec.Struct, frozen=True):
    """Temporary folders below `directory`, which is made when it is needed."""

    directory: Path

    @contextmanager
    def folder(self, purpose: str) -> Iterator[Path]:
        """Yield a new folder, which is removed after the block. Its name begins with *purpose*.

        Raises:
            OSError: It can't be made.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{purpose}-", dir=self.directory) as name:
            yield Path(name)

    def remove_left(self, now: datetime) -> None:
        """Remove the folders that were left here. Another server may use the same directory, so a younger one stays."""
        if not self.directory.is_dir():
            return
        for folder in self.directory.iterdir():
            with suppress(FileNotFoundError):
                if datetime.fromtimestamp(folder.lstat().st_mtime, UTC) < now - LEFT_AFTER:
                    shutil.rmtree(folder, ignore_errors=True)
