"""Releases: what one is made of, where it comes from, and how it is told to be whole."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

WHEEL_LIMIT = 100 << 20
LIST_LIMIT = 2 << 20
TEXT_LIMIT = 512 << 10
"""Bytes of a wheel, of an answer of the API or the index, and of a list of checksums or requirements."""

API_SECONDS = 20.0
TEXT_SECONDS = 30.0
WHEEL_SECONDS = 120.0
"""How long one attempt may take."""


class ReleaseError(Exception):
    """A release can't be had; the text is what to tell the user."""


@dataclass(frozen=True)
class Asset:
    """One file of a release.

    Attributes:
        sha256: In hex, where the source tells it beside the file; empty where it is in a list of checksums.
    """

    name: str
    url: str
    sha256: str = ""


@dataclass(frozen=True)
class Release:
    """One released version.

    Attributes:
        tag: `v1.2.3`.
        page_url: For people.
        requirements: The pinned dependencies; None where the release has no such list.
        checksums: The list of SHA-256 sums; None where there is none.
    """

    tag: str
    page_url: str
    wheel: Asset
    requirements: Asset | None = None
    checksums: Asset | None = None


@dataclass(frozen=True)
class FetchedRelease:
    """The verified files of a release."""

    wheel: Path
    wheel_sha256: str
    requirements: Path | None = None


class ReleaseSource(Protocol):
    """Where releases come from. Every method raises `ReleaseError`."""

    def latest(self) -> Release:
        """Return the newest release."""
        ...

    def get(self, tag: str) -> Release:
        """Return the release of *tag*."""
        ...

    def list_tags(self) -> list[str]:
        """Return the tags of the releases, newest first as far as the source knows."""
        ...

    def fetch(self, release: Release, into: Path) -> FetchedRelease:
        """Download the release's files into the folder *into* and verify them; on an error no file is left there."""
        ...


def read_checksums(text: str) -> dict[str, str]:
    """Return the SHA-256 sums in *text* by file name: `<hex> <name>` a line, `#` comments, perhaps `*` before a name."""
    sums: dict[str, str] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and not words[0].startswith("#"):
            sums[words[-1].removeprefix("*")] = words[0].lower()
    return sums


def verify(sums: Mapping[str, str], path: Path) -> None:
    """Check a downloaded file, which is deleted when it is not as *sums* tell.

    Raises:
        ReleaseError: It has another sum, or none is known.
    """
    expected = sums.get(path.name)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if expected == found:
        return
    path.unlink()
    reason = f"{path.name} has {found}, expected {expected}" if expected else f"no checksum for {path.name}"
    raise ReleaseError(f"checksum verification failed: {reason}")
