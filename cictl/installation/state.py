"""A server's state as files: copy it consistently, and restore a copy."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import filelock

from cictl.base.system.durable import sync_directory
from cictl.base.system.files import copy_file

SNAPSHOT = "state.json"
JOURNAL = "state.journal"
_KEPT_BACKUPS = 3


class StateBusy(Exception):
    """The state can't be replaced, because a server has it open."""


def copy_state(data_dir: Path, into: Path) -> None:
    """Copy the state to the folder *into*. A server may write it meanwhile.

    The journal is copied first. If the server writes a snapshot in between, the snapshot has all that the copied journal
    has, and opening the copy skips those entries. The other way round, the server could write a snapshot and empty the
    journal in between: the copy would have the old snapshot and an empty journal, and lack changes.
    """
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (JOURNAL, SNAPSHOT):
        try:
            copy_file(data_dir / name, into / name)
        except FileNotFoundError:
            (into / name).unlink(missing_ok=True)


def back_up(data_dir: Path, backups: Path, *, name: str, now: datetime) -> Path:
    """Copy the state into a new folder in *backups*, and return it. Only the last three are kept."""
    folder = backups / f"{now:%Y%m%dT%H%M%S}-{name}"
    partial = backups / f".{folder.name}"
    shutil.rmtree(partial, ignore_errors=True)
    copy_state(data_dir, partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    sync_directory(backups)
    kept = sorted(path for path in backups.iterdir() if path.name[0] != ".")
    for old in kept[:-_KEPT_BACKUPS]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def restore(data_dir: Path, backup: Path, *, wait_seconds: float) -> None:
    """Replace the state by the copy *backup*. What was written since is lost.

    Raises:
        StateBusy: A server had the data open during all of *wait_seconds*.
    """
    try:
        with filelock.FileLock(data_dir / "lock", mode=0o600, timeout=wait_seconds):
            for name in (JOURNAL, SNAPSHOT):
                _replace(backup / name, data_dir / name)
            sync_directory(data_dir)
    except filelock.Timeout as error:
        raise StateBusy(str(data_dir)) from error


def _replace(source: Path, target: Path) -> None:
    if not source.exists():
        target.unlink(missing_ok=True)
        return
    temporary = target.with_name(f"{target.name}.restored")
    copy_file(source, temporary)
    temporary.replace(target)
