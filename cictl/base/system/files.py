"""Small durable files: written whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TypeVar

import msgspec

from cictl.base.json_errors import NOT_OF_TYPE
from cictl.base.system.durable import sync_directory
from cictl.base.typed_json import read_json_as

T = TypeVar("T")


def write_json(path: Path, value: object) -> None:
    """Replace the file *path* in one step by *value* as JSON. Only the owner can read it; it is durable on return."""
    write_private(path, msgspec.json.format(msgspec.json.encode(value)) + b"\n")


def write_private(path: Path, content: bytes) -> None:
    """Replace the file *path* in one step. Only the owner can read it; it is durable on return."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(path)
    sync_directory(path.parent)


def read_json(path: Path, type_: type[T]) -> T | None:
    """Return what the file *path* holds. A file that is not of *type_* counts as absent: both give None."""
    try:
        return read_json_as(path.read_bytes(), type_)
    except (FileNotFoundError, *NOT_OF_TYPE):
        return None


def copy_file(source: Path, target: Path) -> None:
    """Copy the content of a file. It is durable on return; the name is once its directory was flushed."""
    with source.open("rb") as content, target.open("wb") as out:
        shutil.copyfileobj(content, out, 1 << 20)
        out.flush()
        os.fsync(out.fileno())
