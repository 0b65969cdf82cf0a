"""Releases: their files, where they come from, and how they are verified."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import msgspec

WHEEL_LIMIT = 100 << 20
LIST_LIMIT = 2 << 20
TEXT_LIMIT = 512 << 10
"""The most bytes of a wheel, of an answer of the API or index, and of a list of checksums."""

API_SECONDS = 20.0
TEXT_SECONDS = 30.0
WHEEL_SECONDS = 120.0
"""How long an answer may take, with all attempts at it."""

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
"""The names that wheels, lists and signatures have: no slash, no control character, no dot at the beginning."""


_SHOWN = 200
"""How many characters of a bad name an error shows."""


class ReleaseError(Exception):
    """A release could not be found or fetched. The text is for the user."""


def is_file_name(name: str) -> bool:
    """Tell whether a file of a release may have this name."""
    return _FILE_NAME.fullmatch(name) is not None and ".." not in name


class Asset(msgspec.Struct, frozen=True):
    """One file of a release.

    Attributes:
        name: Of the file below the folder of downloads.
        sha256: In hex, if the source gives it with the file. Empty if it is in a list of checksums.

    Raises:
        ReleaseError: *name* could lead to another folder.
    """

    name: str
    url: str
    sha256: str = ""

    def __post_init__(self) -> None:
        if not is_file_name(self.name):
            raise ReleaseError(f"the release has a file with an unusable name: {self.name[:_SHOWN]!r}")


class Release(msgspec.Struct, frozen=True):
    """One released version.

    Attributes:
        tag: `v1.2.3`.
        page_url: A page for people.
        requirements: The list of pinned dependencies; None if the release has none.
        checksums: The list of SHA-256 sums; None if the release has none.
        signature: Of that list; None if the release is not signed.
    """

    tag: str
    page_url: str
    wheel: Asset
    requirements: Asset | None = None
    checksums: Asset | None = None
    signature: Asset | None = None


class FetchedRelease(msgspec.Struct, frozen=True):
    """The verified files of a release."""

    wheel: Path
    wheel_sha256: str
    requirements: Path | None = None


class ReleaseSource(Protocol):
    """A source of releases. Every method may raise `ReleaseError`."""

    def latest(self) -> Release:
        """Return the newest release."""
        ...

    def get(self, tag: str) -> Release:
        """Return the release of *tag*."""
        ...

    def list_tags(self) -> list[str]:
        """Return the tags of the releases, newest first if the source has an order."""
        ...

    def fetch(self, release: Release, into: Path) -> FetchedRelease:
        """Download the files of *release* into the folder *into* and verify them. After an error, none of them is there."""
        ...


def read_checksums(text: str) -> dict[str, str]:
    """Return the SHA-256 sums in *text* by file name.

    A line is `<hex> <name>`, perhaps with `*` before the name. Lines that begin with `#` are comments.
    """
    sums: dict[str, str] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and not words[0].startswith("#"):
            sums[words[-1].removeprefix("*")] = words[0].lower()
    return sums


def verify(sums: Mapping[str, str], path: Path) -> None:
    """Check a downloaded file against *sums*. If it does not match, it is deleted.

    Raises:
        ReleaseError: It has another sum, or *sums* has none for it.
    """
    expected = sums.get(path.name)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if expected == found:
        return
    path.unlink()
    reason = f"{path.name} has {found}, expected {expected}" if expected else f"no checksum for {path.name}"
    raise ReleaseError(f"checksum verification failed: {reason}")
