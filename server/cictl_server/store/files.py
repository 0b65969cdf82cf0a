"""Durable files: what the journal and the snapshot need of the operating system."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def write_all(file: int, data: bytes, *, offset: int) -> None:
    """Write *data* at *offset*, however many calls that takes."""
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written


def replace_file(path: Path, blocks: Iterable[bytes]) -> None:
    """Make *blocks* the content of *path*, durably and in one step: readers see the old file or the new one."""
    temporary = path.with_suffix(path.suffix + "-new")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        offset = 0
        for block in blocks:
            write_all(file, block, offset=offset)
            offset += len(block)
        os.fsync(file)
    finally:
        os.close(file)
    temporary.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make renames in *path* durable."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
