"""What takes long to build is built once for all workers, and copied: whatever names its old place is written anew.

As a program, `copies.py SOURCE TARGET`, it copies a virtual environment. All of it is on one file system.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

if TYPE_CHECKING:
    import pytest


_MODULES = (".py", ".pyc", ".so")


def build_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """Return the folder *name* that *build* filled: the first worker that asks does it, the others wait."""
    base = factory.getbasetemp()
    common = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = common / name
    built = common / f"{name}.built"
    with FileLock(common / f"{name}.lock"):
        if not built.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)
            built.touch()
    return folder


def copy(source: Path, target: Path, words: Mapping[str, str]) -> None:
    """Copy a folder with virtual environments, and replace *words* in its programs, settings and links."""
    copy_tree(source, target)
    for path in target.rglob("*"):
        if path.is_symlink():
            _point(path, words)
        elif path.is_file() and _names_places(path.relative_to(target)):
            _write(path, words)
    for record in target.rglob("*.dist-info/RECORD"):
        _recount(record)


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder as it is; the modules of its virtual environments, which nobody changes in place, are the same files."""
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    if source.endswith(_MODULES):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def _names_places(path: Path) -> bool:
    return path.parent.name == "bin" or path.name == "pyvenv.cfg" or "etc" in path.parts


def _point(link: Path, words: Mapping[str, str]) -> None:
    target = str(link.readlink())
    for old, new in words.items():
        target = target.replace(old, new)
    if target != str(link.readlink()):
        link.unlink()
        link.symlink_to(target)


def _write(path: Path, words: Mapping[str, str]) -> None:
    content = path.read_bytes()
    replaced = content
    for old, new in words.items():
        replaced = replaced.replace(old.encode(), new.encode())
    if replaced != content:
        path.write_bytes(replaced)


def _recount(record: Path) -> None:
    """Write the checksums of a distribution's programs anew (PEP 376)."""
    lines = record.read_text(encoding="utf-8").splitlines()
    record.write_text("\n".join([*(_counted(record, line) for line in lines), ""]), encoding="utf-8")


def _counted(record: Path, line: str) -> str:
    name = line.partition(",")[0]
    if "/bin/" not in name:
        return line
    content = (record.parents[1] / name).resolve().read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}"


if __name__ == "__main__":
    copy(Path(sys.argv[1]), Path(sys.argv[2]), {sys.argv[1]: sys.argv[2]})
