"""Repositories that are small and pretend to be large."""

from __future__ import annotations

import hashlib
import struct
import subprocess
import zlib
from pathlib import Path

from cictl_testing.files import git

_MIB = 1 << 20
_BLOB, _REF_DELTA = 3, 7  # git help gitformat-pack: the kinds of objects in a pack


def make_tree_bomb(path: Path, project_file: str, *, levels: int = 4, width: int = 20) -> Path:
    """Make a repository whose commit lists *width* to the power of *levels* icons in a few trees."""
    _begin(path)
    blob = _kept(path, b"x")
    tree = _tree(path, [f"100644 blob {blob}\ticon{'x' * 40}{n:02}.png" for n in range(width)])
    for _ in range(levels - 1):
        tree = _tree(path, [f"040000 tree {tree}\td{n:02}" for n in range(width)])
    config = _kept(path, project_file.encode())
    return _committed(path, _tree(path, [f"040000 tree {tree}\tbomb", f"100644 blob {config}\tcictl.yaml"]))


def make_delta_bomb(path: Path, *, size: int) -> Path:
    """Make a repository whose project file has *size* bytes, in whole MiB, and is stored as a delta of a few hundred.

    The delta copies one MiB of blanks over and over again.
    """
    _begin(path)
    base = b"#" + b" " * (_MIB - 2) + b"\n"
    copies = size // _MIB
    blob = _kept(path, base)
    delta = _varint(_MIB) + _varint(size) + b"\xc0\x10" * copies  # copy 0x100000 bytes from offset 0
    digest = hashlib.sha1(b"blob %d\0" % size)
    for _ in range(copies):
        digest.update(base)
    pack = b"PACK" + struct.pack(">II", 2, 2)
    pack += _head(_BLOB, len(base)) + zlib.compress(base)
    pack += _head(_REF_DELTA, len(delta)) + bytes.fromhex(blob) + zlib.compress(delta)
    pack += hashlib.sha1(pack).digest()
    _fed(path, pack, "index-pack", "--stdin")
    entries = [f"100644 blob {blob}\tbase", f"100644 blob {digest.hexdigest()}\tcictl.yaml"]
    return _committed(path, _tree(path, entries))


def make_many_branches(path: Path, project_file: str, *, count: int) -> Path:
    """Make a repository with *count* branches of long names, all at one commit."""
    _begin(path)
    config = _kept(path, project_file.encode())
    _committed(path, _tree(path, [f"100644 blob {config}\tcictl.yaml"]))
    commit = git(path, "rev-parse", "main")
    names = "".join(f"{commit} refs/heads/{'x' * 60}{n:07}\n" for n in range(count))
    (path / ".git" / "packed-refs").write_text(f"# pack-refs with: sorted\n{names}")
    return path


def _begin(path: Path) -> None:
    path.mkdir()
    git(path, "init", "-q", "-b", "main")


def _fed(path: Path, data: bytes, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(path), *arguments], input=data, capture_output=True, check=True)
    return done.stdout.decode().strip()


def _kept(path: Path, content: bytes) -> str:
    return _fed(path, content, "hash-object", "-w", "--stdin")


def _tree(path: Path, entries: list[str]) -> str:
    return _fed(path, "".join(f"{entry}\n" for entry in entries).encode(), "mktree")


def _committed(path: Path, tree: str) -> Path:
    commit = git(path, "-c", "user.name=t", "-c", "user.email=t@localhost", "commit-tree", "-m", "c", tree)
    git(path, "update-ref", "refs/heads/main", commit)
    return path


def _head(kind: int, size: int) -> bytes:
    """Return the header of an object in a pack: its kind and the low bits of its size, then seven bits a byte."""
    first, rest = kind << 4 | size & 15, size >> 4
    return bytes([first | 128]) + _varint(rest) if rest else bytes([first])


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])
