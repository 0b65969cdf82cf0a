"""Copying blobs, with proof that the same bytes came."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from cictl_server.blobs.contract import BLOCK, Blob, Blobs, Readable, blocks
from cictl_server.transfer.errors import CopyDiffers


class Hashed:
    """Bytes whose SHA-256 is made as they are read."""

    def __init__(self, content: Readable) -> None:
        self._content = content
        self._hash = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        block = self._content.read(size)
        self._hash.update(block)
        return block

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


def copy_folder(source: Blobs, prefix: str, target: Blobs, new_prefix: str) -> list[int]:
    """Make what is below *new_prefix* of *target* the same as what is below *prefix* of *source*, and return its sizes.

    Raises:
        CopyDiffers: Other bytes came out of the target than went in.
        BadKey: The target can't hold a file of that name.
    """
    wanted, present = _sizes(source, prefix), _sizes(target, new_prefix)
    if wanted == present:
        digests = {path: _digest(source, prefix + path) for path in wanted}
    else:
        target.delete_below([new_prefix])
        digests = dict(_put_all(source, prefix, target, new_prefix, sorted(wanted)))
    for path, digest in digests.items():
        _check(target, new_prefix + path, digest)
    return list(wanted.values())


def copy_blob(source: Blobs, key: str, target: Blobs, new_key: str) -> list[int]:
    """Do the same with one blob, if *source* has it."""
    found = source.find(key)
    if found is None:
        target.delete([new_key])
        return []
    with source.open(key) as reader:
        content = Hashed(reader)
        target.put(new_key, content)
    _check(target, new_key, content.digest)
    return [found.size]


def digest_of(content: Readable) -> str:
    """Return the SHA-256 of the rest of *content*."""
    hashed = Hashed(content)
    for _ in blocks(hashed, size=BLOCK):
        pass
    return hashed.digest


def _put_all(source: Blobs, prefix: str, target: Blobs, new_prefix: str, paths: list[str]) -> Iterator[tuple[str, str]]:
    """Put each file, and yield its path and its digest."""
    if not paths:
        return
    with target.new_folder(new_prefix) as folder:
        for path in paths:
            with source.open(prefix + path) as reader:
                content = Hashed(reader)
                is_executable, modified = reader.is_executable, reader.blob.modified
                folder.put(path, content, is_executable=is_executable, modified=modified)
            yield path, content.digest


def _check(target: Blobs, key: str, digest: str) -> None:
    if _digest(target, key) != digest:
        raise CopyDiffers(f"the file {key}")


def _digest(blobs: Blobs, key: str) -> str:
    with blobs.open(key) as reader:
        return digest_of(reader)


def _sizes(blobs: Blobs, prefix: str) -> dict[str, int]:
    """Return the size of each blob by its path below *prefix*."""

    def path(blob: Blob) -> str:
        return blob.key.removeprefix(prefix)

    return {path(blob): blob.size for blob in blobs.iter_below(prefix)}
