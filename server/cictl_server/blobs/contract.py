"""What every place for blobs does. Services know this contract alone, and never whether a directory or a bucket is behind it.

BlobError
├── BlobMissing   nothing is under the key
├── BlobExists    something is under the key already, and the caller wanted to be the first
├── BadKey        this place can hold nothing under such a key
└── BlobsAway     the place does not answer; later it may
    └── BlobsRefused  it answers, and lets nobody in with these credentials, or there is no such bucket
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self

import msgspec

from cictl.base.system.beneath import leads_out
from cictl.base.zips.composed import Extent
from cictl.base.zips.parts import Part
from cictl.wire.problems import Code
from cictl_server.errors import CictlError

PROJECTS = "projects/"
"""What the prefixes of projects begin with, where there are such."""

BLOCK = 1 << 20
"""How many bytes are copied at a time."""


class BlobError(CictlError):
    """A blob cannot be read or kept.

    Attributes:
        key: Which one; empty if all are concerned.
    """

    def __init__(self, message: str, *, key: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.key = key


class BlobMissing(BlobError):
    code = Code.NOT_FOUND

    def __init__(self, key: str) -> None:
        super().__init__(f"no file {key}", key=key)


class BlobExists(BlobError):
    code = Code.CONFLICT

    def __init__(self, key: str) -> None:
        super().__init__(f"there is a file {key} already", key=key)


class BadKey(BlobError):
    code = Code.INVALID_REQUEST

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"no file can be kept as {key[:500]!r}: {reason}", key=key)
        self.reason = reason


class BlobsAway(BlobError):
    code = Code.UNAVAILABLE

    def __init__(self, place: str, reason: str, *, hint: str = "try again in a few seconds") -> None:
        super().__init__(f"the files in {place} can't be reached: {reason}", hint=hint)


class BlobsRefused(BlobsAway):
    """Nothing will change by itself: an admin of the server has to look at its settings.

    Attributes:
        is_missing: There is no such bucket; else the credentials are not good enough.
    """

    def __init__(self, place: str, reason: str, *, hint: str, is_missing: bool = False) -> None:
        super().__init__(place, reason, hint=hint)
        self.is_missing = is_missing


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a blob without reading it.

    Attributes:
        modified: When it was put, or what it was put with as that time.
        etag: A strong entity tag of HTTP, with its quotation marks. Other bytes under the same key have another one.
    """

    key: str
    size: int
    modified: datetime
    etag: str


class Readable(Protocol):
    """Bytes, one after the other: a file, the body of a request, an entry of a zip."""

    def read(self, size: int, /) -> bytes:
        """Return up to *size* bytes; empty at the end."""


class BlobReader(Readable, Protocol):
    """The wanted bytes of a blob, one after the other.

    Attributes:
        blob: The whole blob.
        is_executable: Whether it was put as a program.
    """

    blob: Blob
    is_executable: bool

    def read(self, size: int, /) -> bytes:
        """Return up to *size* bytes; empty at the end.

        Raises:
            BlobError: The rest can't be had.
        """

    def extents(self) -> Iterator[Extent] | None:
        """Return where on this machine the rest of the bytes lies; None if they come from elsewhere."""

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class NewFolder(Protocol):
    """Blobs that are put together, each under its path below one prefix."""

    def put(
        self, path: str, content: Readable, *, is_executable: bool = False, modified: datetime | None = None
    ) -> int:
        """Put the rest of *content* under *path*, and return its size in bytes.

        Args:
            modified: The time that the blob it is copied from was put. `find` and `open` tell it; `iter_below` may tell when this one was.

        Raises:
            BadKey: This place can't hold such a path, or takes it for one that was put before.
            BlobsAway, OSError: It can't be kept now.
        """


class Blobs(ABC):
    """Bytes under keys.

    A key is a relative path of at least two parts, with `/` between them: `artifacts/job-7/1/bin/app`. A prefix is such a
    path, or its beginning, with a `/` at its end. A key can't be the prefix of another one: where `a/b` is a blob, `a/b/c`
    can't be. Keys come from this server's rules, yet their parts may be names that strangers chose: every method
    raises `BadKey` for one that leads out, and nothing outside is ever read or changed.

    A blob is seen whole or not at all, also by other processes and after a kill. When a method that changes something
    returns, the change outlasts a power cut. Bytes are streamed: what a call holds in memory does not grow with the blob.
    Methods may be called by several threads at once. They wait for disks and networks, so none is called in a transaction.

    Whoever can't be reached raises `BlobsAway` after a bounded time. A disk without space raises OSError with its number.

    Attributes:
        place: The directory or the URL, for those who run the server.
        directory: Where it is on a disk of this machine; None for a bucket.
        name: The URL, or the word `directory`, for all who have a token.
        keeps_case: `README` and `readme` are two keys.
    """

    place: str
    name: str
    directory: Path | None = None

    @property
    @abstractmethod
    def keeps_case(self) -> bool: ...

    @abstractmethod
    def of_project(self, project: str) -> str:
        """Return the prefix of the keys that belong to a project, so that rules of a bucket can be made for it.

        It is empty where such rules can't be made, and for an empty *project*, which stands for an unknown one.
        """

    @abstractmethod
    def put(self, key: str, content: Readable, *, if_absent: bool = False) -> int:
        """Keep the rest of *content* under *key* instead of what was there, and return its size in bytes.

        Args:
            if_absent: Of several that put at once, one alone succeeds. The content may have 16 MiB then; more may raise ValueError.

        Raises:
            BlobExists: *if_absent*, and the key is taken. What is there stays.
            BadKey, BlobsAway, OSError: The key has what it had before.
        """

    @abstractmethod
    def new_folder(self, prefix: str) -> AbstractContextManager[NewFolder]:
        """Put many blobs below *prefix*. They are all there when the `with` block has ended; none is if it raises.

        Nobody else may put below the same prefix: the caller makes it unique. A kill may leave some of them.

        Raises:
            BlobExists: Something is below the prefix already.
        """

    def new_part(self, _prefix: str) -> Part | None:
        """Begin what `put` of a new folder can take without a copy, below a prefix with the same first part; None where nothing can.

        Raises:
            OSError: There is no room.
        """
        return None

    @abstractmethod
    def find(self, key: str) -> Blob | None: ...

    @abstractmethod
    def open(self, key: str, *, start: int = 0, length: int | None = None) -> BlobReader:
        """Open the blob at the byte *start*, to read *length* bytes, or all that follow. Both may reach past its end.

        Raises:
            BlobMissing: Nothing is there.
        """

    @abstractmethod
    def iter_below(self, prefix: str) -> Iterator[Blob]:
        """Yield what is below *prefix*, in any order. What comes or goes meanwhile may be among it."""

    @abstractmethod
    def delete(self, keys: Iterable[str]) -> None:
        """Remove blobs. One that is not there is no error."""

    @abstractmethod
    def delete_below(self, prefixes: Iterable[str]) -> None:
        """Remove all that is below each of *prefixes*."""

    @abstractmethod
    def remove_unfinished(self, before: datetime) -> None:
        """Remove what puts that were killed before a moment have left, where that is kept apart."""

    @abstractmethod
    def check(self, *, by_writing: bool = False) -> None:
        """Return if blobs can be read, soon and without further attempts.

        Args:
            by_writing: Prove also that they can be put, by doing it.

        Raises:
            BlobsAway, OSError: They can't; the text says why, and what to try.
        """


def checked_key(key: str) -> str:
    """Return *key*.

    Raises:
        BadKey: It leads out, or has one part only.
    """
    if "/" not in key:
        raise BadKey(key, "it is no path below a folder")
    return checked_path(key)


def checked_path(path: str) -> str:
    """Return *path*, which is that of a blob below a prefix.

    Raises:
        BadKey: It leads out.
    """
    if leads_out(path):
        raise BadKey(path, "it leads out of its folder")
    return path


def checked_prefix(prefix: str) -> str:
    """Return *prefix*.

    Raises:
        BadKey: It leads out, or does not end with a `/`.
    """
    if not prefix.endswith("/") or leads_out(prefix[:-1]):
        raise BadKey(prefix, "it is no path of a folder")
    return prefix


def read_whole(blobs: Blobs, key: str) -> bytes:
    """Return the bytes of a small blob.

    Raises:
        BlobMissing: Nothing is there.
    """
    with blobs.open(key) as reader:
        return b"".join(blocks(reader))


def blocks(content: Readable, *, size: int = BLOCK) -> Iterator[bytes]:
    """Yield the rest of *content*, up to *size* bytes at a time."""
    return iter(lambda: content.read(size), b"")
