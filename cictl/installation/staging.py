"""Install a version in its final folder, beside the running one."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec

from cictl.installation.environments import BuildFailed, Environment, PipSettings
from cictl.installation.layout import InstallRecord, Layout
from cictl.installation.wheel import PINNED, Wheel, WheelError, read_wheel

_LONGEST_PATH = 120
"""A script's first line holds the path of its interpreter, and Linux before 5.1 reads only 127 bytes of it."""
_MIN_FREE_BYTES = 300 << 20
_FREE_FACTOR = 3

__all__ = ["PipSettings", "PreflightError", "StageError", "StagedVersion", "VerifiedWheel", "stage"]


class StageError(Exception):
    """A version could not be staged. The text, `stage update: …`, is for the user."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"stage update: {problem}")


class PreflightError(StageError):
    """Staging was not tried. The text, `preflight failed: …`, tells what is wrong with this machine or the wheel."""

    def __init__(self, problem: str) -> None:
        Exception.__init__(self, f"preflight failed: {problem}")


class VerifiedWheel(Protocol):
    """A verified download. `requirements` is the list of pinned dependencies, if it is a file of its own."""

    @property
    def wheel(self) -> Path: ...

    @property
    def wheel_sha256(self) -> str: ...

    @property
    def requirements(self) -> Path | None: ...


class StagedVersion(msgspec.Struct, frozen=True):
    """A version that is ready to be tried.

    Attributes:
        sha256: Of its wheel, in hex.
        was_reused: It was installed already, and is unchanged.
    """

    tag: str
    folder: Path
    sha256: str
    was_reused: bool


def stage(
    layout: Layout,
    fetched: VerifiedWheel,
    tag: str,
    *,
    pip: PipSettings,
    on_phase: Callable[[str], None] = lambda _: None,
) -> StagedVersion:
    """Install *fetched* as the version *tag*. The caller holds the layout's lock.

    The dependencies are those of the pinned list, checked by their hashes: the release's list, else the one in the wheel.
    Settings of pip in the environment or in files do not count. The record is written last, so an interrupted installation
    stays incomplete.

    Args:
        on_phase: Called with `build` when the installation begins.

    Raises:
        PreflightError: This machine lacks something, or the wheel is another version. Nothing was changed.
        StageError: It could not be installed. Nothing is left of it.
    """
    folder = layout.folder(tag)
    if (reused := find_staged(layout, tag)) and reused.sha256 == fetched.wheel_sha256:
        return reused
    if tag == layout.current():
        raise PreflightError(f"{tag} is in use, and its files are not as they were installed")
    try:
        wheel = read_wheel(fetched.wheel)
    except WheelError as error:
        raise PreflightError(str(error)) from error
    _check_wheel(wheel, tag)
    pinned = _pinned(wheel, fetched.requirements, needs_grown=pip.needs_grown)
    _check_place(layout, folder)
    on_phase("build")
    try:
        layout.versions.mkdir(parents=True, exist_ok=True)
        layout.remove(tag)
        scratch = folder.with_name(f".{tag}.txt")
        _build(Environment(folder, pip), wheel, fetched.wheel_sha256, pinned=pinned, scratch=scratch)
        os.sync()  # thousands of files that pip does not flush; the record must not outlive them in a power cut
        layout.write_record(
            InstallRecord(
                tag=tag,
                wheel=fetched.wheel.name,
                sha256=fetched.wheel_sha256,
                python=platform.python_version(),
                created_utc=datetime.now(tz=UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            )
        )
    except (BuildFailed, OSError) as error:
        layout.remove(tag)
        raise StageError(str(error)) from error
    return StagedVersion(tag, folder, fetched.wheel_sha256, was_reused=False)


def find_staged(layout: Layout, tag: str) -> StagedVersion | None:
    """Return the version *tag* if it is installed, complete and unchanged. Such a version needs no download."""
    record = layout.record(tag)
    if record is None or not layout.is_complete(tag):
        return None
    return StagedVersion(tag, layout.folder(tag), record.sha256, was_reused=True)


def _build(environment: Environment, wheel: Wheel, sha256: str, *, pinned: bytes, scratch: Path) -> None:
    environment.create()
    try:
        if pinned:
            scratch.write_bytes(pinned)
            environment.install(["--require-hashes", "-r", str(scratch)])
        scratch.write_text(f"{wheel.path.resolve().as_uri()} --hash=sha256:{sha256}\n")
        environment.install(["--require-hashes", "--no-deps", "-r", str(scratch)])
    finally:
        scratch.unlink(missing_ok=True)
    environment.check()


def _pinned(wheel: Wheel, requirements: Path | None, *, needs_grown: bool) -> bytes:
    """Return the list of pinned dependencies: the release's own, else the one in the wheel. Empty if there are none to pin.

    Raises:
        PreflightError: The wheel has dependencies, and no list.
    """
    if requirements is not None:
        return requirements.read_bytes()
    if not wheel.has_dependencies:
        return b""
    if wheel.pinned is None:
        raise PreflightError(
            f"{wheel.path.name} has no list of its dependencies with their hashes ({PINNED}), and the release has none"
        )
    return wheel.grown if needs_grown and wheel.grown is not None else wheel.pinned


def _check_wheel(wheel: Wheel, tag: str) -> None:
    """Refuse a wheel of another version than *tag*, or one that does not support this Python."""
    from packaging.version import Version

    if wheel.version != Version(tag):
        raise PreflightError(f"{wheel.path.name} is version {wheel.version}, not {tag}")
    if not wheel.pythons.contains(platform.python_version(), prereleases=True):
        here = ".".join(str(part) for part in sys.version_info[:2])
        raise PreflightError(f"release {tag} needs Python {wheel.pythons}, this environment has {here}")


def _check_place(layout: Layout, folder: Path) -> None:
    if len(str(folder)) > _LONGEST_PATH or " " in str(folder):
        raise PreflightError(f"programs can't be installed below {folder}: the path is too long or has a space")
    try:
        layout.versions.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(layout.versions).free
    except OSError as error:
        raise PreflightError(f"cannot use {layout.versions}: {error.strerror}") from error
    current = layout.current()
    needed = max(_MIN_FREE_BYTES, _FREE_FACTOR * _size(layout.folder(current))) if current else _MIN_FREE_BYTES
    if free < needed:
        raise PreflightError(f"{layout.versions} has {free >> 20} MiB free, {needed >> 20} MiB are needed")


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
