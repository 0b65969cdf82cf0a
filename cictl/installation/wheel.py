"""What a wheel of cictl tells about itself, read within limits before pip unpacks it."""

from __future__ import annotations

import email
import zipfile
import zlib
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

PINNED = "cictl/installation/requirements.txt"
"""The list of pinned dependencies in a wheel. `pip install --require-hashes -r` takes it."""

GROWN = "cictl/installation/requirements-grown.txt"
"""The same with what PostgreSQL and S3 take."""

_UNPACKED_LIMIT = 500 << 20
_TEXT_LIMIT = 4 << 20
_METADATA = ".dist-info/METADATA"


class WheelError(Exception):
    """The file is no wheel that can be installed. The text names it and tells why."""


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A wheel.

    Attributes:
        pythons: The versions of Python that it supports.
        has_dependencies: Whether it needs other packages on some machine, extras not counted.
        pinned: The list of pinned dependencies in it; None without one.
        grown: The same with what PostgreSQL and S3 take; None in wheels of versions that don't know these.
    """

    path: Path
    version: Version
    pythons: SpecifierSet
    has_dependencies: bool
    pinned: bytes | None = field(repr=False)
    grown: bytes | None = field(repr=False, default=None)


def read_wheel(path: Path) -> Wheel:
    """Read a wheel.

    Raises:
        WheelError: It is none, or would take more than 500 MiB unpacked.
    """
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    try:
        with zipfile.ZipFile(path) as archive:
            _check_size(path, archive)
            metadata = email.message_from_bytes(_read(archive, _name_of_metadata(archive)))
            pinned, grown = (_read(archive, name) if name in archive.namelist() else None for name in (PINNED, GROWN))
        return Wheel(
            path=path,
            version=Version(metadata["Version"] or ""),
            pythons=SpecifierSet(metadata["Requires-Python"] or ""),
            has_dependencies=_has_dependencies(metadata),
            pinned=pinned,
            grown=grown,
        )
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, StopIteration, ValueError) as error:
        raise WheelError(f"{path.name} is no wheel") from error


def _check_size(path: Path, archive: zipfile.ZipFile) -> None:
    # zipfile unpacks no more of an entry than its header tells, for pip too.
    if sum(entry.file_size for entry in archive.infolist()) > _UNPACKED_LIMIT:
        raise WheelError(f"{path.name} has more than {_UNPACKED_LIMIT >> 20} MiB unpacked")


def _name_of_metadata(archive: zipfile.ZipFile) -> str:
    return next(name for name in archive.namelist() if name.endswith(_METADATA))


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a text in the wheel.

    Raises:
        zipfile.BadZipFile: It is too long.
    """
    with archive.open(name) as file:
        content = file.read(_TEXT_LIMIT + 1)
    if len(content) > _TEXT_LIMIT:
        raise zipfile.BadZipFile(f"{name} is too long")
    return content


def _has_dependencies(metadata: Message) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        needed = [Requirement(text) for text in metadata.get_all("Requires-Dist") or ()]
    except InvalidRequirement:
        return True
    return any(one.marker is None or "extra" not in str(one.marker) for one in needed)
