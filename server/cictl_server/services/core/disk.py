"""Whether the disk of the data directory is full: noted where a write fails, forgotten once one succeeds again."""

from __future__ import annotations

import tempfile
from pathlib import Path

_NEEDED_BYTES = 1 << 16


class Disk:
    """The disk below one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._is_full = False

    def note_full(self) -> None:
        """Note that a write failed for want of space."""
        self._is_full = True

    def is_full(self) -> bool:
        """Tell whether the disk is still full. Nothing is written unless it was."""
        if self._is_full:
            self._is_full = not self._takes_more()
        return self._is_full

    def _takes_more(self) -> bool:
        try:
            with tempfile.TemporaryFile(dir=self._directory, buffering=0) as file:
                return file.write(bytes(_NEEDED_BYTES)) == _NEEDED_BYTES
        except OSError:
            return False
