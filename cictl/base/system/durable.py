"""Make changes of a directory, or of a file, outlast a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def sync_directory(path: Path) -> None:
    """Flush the directory *path*, so that names added to it or removed from it are durable."""
    flush_file(path)  # which a directory is for this


def flush_file(path: Path) -> None:
    """Flush the bytes of the file *path*."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
