"""Work on a data directory from outside the server: check, back up, restore, compact, export."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import filelock
from tinydb.table import Document

from cictl.base.durable import sync_directory
from cictl.base.urls import without_user_info
from cictl_server.errors import Conflict, InvalidRequest, NotFound
from cictl_server.store.contract import StoreLocked, View
from cictl_server.store.copies import JOURNAL, SNAPSHOT, CopiedState, copy_state, has_state, is_in_use, open_copy
from cictl_server.store.engine import RESTORING
from cictl_server.store.tiny import TinyStore

REPLACED = "replaced-"
"""Prefix of the folder that keeps what a restore replaced."""

_STATE = frozenset({SNAPSHOT, JOURNAL, f"{SNAPSHOT}-new", f"{JOURNAL}-new", "lock", RESTORING})
_NEW = "restore-new"
_NOT_EXPORTED = {"answers", "secrets"}
_HIDDEN = "***"


@dataclass(frozen=True, kw_only=True)
class Examined:
    """The result of a check of a data directory.

    Attributes:
        records: The number of records of each kind.
        jobs: How many executions have each status.
        problems: One text for each problem; empty for a sound directory.
        is_in_use: A server uses it. Then files are not checked, because they change.
    """

    state: CopiedState
    records: dict[str, int]
    jobs: dict[str, int]
    problems: list[str]
    is_in_use: bool


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What a backup or a restore put in place.

    Attributes:
        files: Logs, artifacts, reports and icons; the state is not counted.
        replaced: The folder into which a restore moved the old content; None if there was none.
    """

    state: CopiedState
    files: int
    size_bytes: int
    replaced: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Compacted:
    before_bytes: int
    after_bytes: int


def examine(directory: Path) -> Examined:
    """Read everything as a server would, from a copy, so that a running server does not matter.

    Raises:
        NotFound: There is no database.
        StoreTooNew, StoreCorrupt: A server would refuse it.
    """
    in_use = _has_server(directory)
    with _opened(directory) as (state, store), store.read() as view:
        return Examined(
            state=state,
            records={name: len(rows) for name, rows in _tables(store).items()},
            jobs={status.value: count for status, count in view.jobs.count_by_status().items()},
            problems=[] if in_use else list(_missing_files(directory, view)),
            is_in_use=in_use,
        )


def back_up(directory: Path, target: Path) -> Copied:
    """Copy the data to *target*, a new or empty folder, also while a server runs.

    The state is copied before the files, because a file exists before the state names it. A job that is deleted meanwhile
    may be in the copy without its files.

    Raises:
        NotFound: There is no database.
        Conflict: *target* holds something.
        InvalidRequest: *target* is inside the data directory.
        StoreTooNew, StoreCorrupt: The data is not sound.
    """
    _must_have_state(directory)
    if target.resolve().is_relative_to(directory.resolve()):
        raise InvalidRequest(f"{target} is inside {directory}", hint="choose a folder elsewhere, best on another disk")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Conflict(f"{target} is not empty", hint="choose a folder that does not exist yet")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        copied = _copy_all(directory, part)
        part.replace(target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    sync_directory(target.parent)
    return copied


def restore(directory: Path, source: Path, *, now: datetime) -> Copied:
    """Replace the content of *directory* by the backup *source*. The old content is moved into a folder in it.

    The backup is copied and read through before anything is moved.

    Raises:
        NotFound: *source* is not a backup.
        StoreLocked: A server uses *directory*.
        StoreTooNew, StoreCorrupt: The backup is not sound.
    """
    _must_have_state(source)
    if source.resolve() == directory.resolve():
        raise InvalidRequest(f"{source} is the data directory itself")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _left_to_its_owner(directory), _held(directory):
        new = directory / _NEW
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        try:
            copied = _copy_all(source, new)
            replaced = _swap(directory, new, aside=directory / f"{REPLACED}{now:%Y%m%dT%H%M%S%fZ}")
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return Copied(state=copied.state, files=copied.files, size_bytes=copied.size_bytes, replaced=replaced)


def compact(directory: Path) -> Compacted:
    """Write the journal of a stopped server into its snapshot.

    Raises:
        NotFound, StoreLocked, StoreTooNew, StoreCorrupt: As for a server.
    """
    _must_have_state(directory)
    before = _state_bytes(directory)
    with _left_to_its_owner(directory), TinyStore.open(directory) as store:
        store.compact()
    return Compacted(before_bytes=before, after_bytes=_state_bytes(directory))


def export(directory: Path) -> dict[str, list[dict[str, Any]]]:
    """Return all records by table, without what may be secret.

    Values of environment variables and user info in URLs are replaced. Answers kept for `Idempotency-Key` are left out.

    Raises:
        NotFound, StoreTooNew, StoreCorrupt: As in `examine`.
    """
    with _opened(directory) as (_, store):
        tables = _tables(store)
    return {name: [_without_secrets(dict(row)) for row in rows] for name, rows in tables.items()}


@contextmanager
def _opened(directory: Path) -> Iterator[tuple[CopiedState, TinyStore]]:
    _must_have_state(directory)
    with tempfile.TemporaryDirectory(prefix="cictl-store-") as temporary:
        copy = Path(temporary)
        state = copy_state(directory, copy)
        with open_copy(copy, source=directory) as store:
            yield state, store


def _must_have_state(directory: Path) -> None:
    if not has_state(directory):
        raise NotFound(f"database in {directory}", hint="name the data directory with --data-dir or CICTL_DATA_DIR")


def _has_server(directory: Path) -> bool:
    try:
        return is_in_use(directory)
    except PermissionError:  # another user's: its files can't be read either
        return True


def _tables(store: TinyStore) -> dict[str, list[Document]]:
    return {name: store.db.table(name).all() for name in sorted(store.db.tables() - _NOT_EXPORTED)}


def _missing_files(directory: Path, view: View) -> Iterator[str]:
    """Yield a text for each loss of a finished execution: log bytes that count, acknowledged artifacts."""
    for job in view.jobs.iter_all():
        size = _size(directory / "logs" / f"{job.log_name}.log")
        if job.status.is_terminal and size < job.log_size:
            yield f"the log of {job.id} has {size} of {job.log_size} bytes"
    for record in view.artifacts.iter_all():
        home = directory / "artifacts" / f"job-{record.number}" / str(record.generation)
        for entry in record.entries:
            if entry.link:  # it has no bytes; the file at its end is an entry of its own
                continue
            size = _size(home / entry.path)
            if size != entry.size_bytes:
                yield f"artifact {entry.path} of job-{record.number} has {size} of {entry.size_bytes} bytes"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _copy_all(source: Path, target: Path) -> Copied:
    """Copy state and files into *target*, and read the copied state through."""
    state = copy_state(source, target)
    with open_copy(target, source=source):
        pass
    files = size = 0
    for path in sorted(source.iterdir()):
        if path.name not in _STATE and not _is_apart(path):
            more, bytes_ = _copy_tree(path, target / path.name)
            files, size = files + more, size + bytes_
    (target / "lock").unlink(missing_ok=True)
    if sys.platform != "win32":
        os.sync()
    return Copied(state=state, files=files, size_bytes=size + state.snapshot_bytes + state.journal_bytes)


def _copy_tree(source: Path, target: Path) -> tuple[int, int]:
    """Copy a file or folder, and return the number of files and bytes. What vanishes meanwhile is skipped."""
    files = size = 0
    for folder, names, entries in os.walk(source):
        names[:] = [name for name in names if not name.startswith("upload-")]  # uploads that are not acknowledged
        place = target / Path(folder).relative_to(source)
        place.mkdir(mode=0o700, exist_ok=True)
        for name in entries:
            copied = _copy_file(Path(folder) / name, place / name)
            files, size = files + (copied is not None), size + (copied or 0)
    if source.is_file():
        copied = _copy_file(source, target)
        files, size = files + (copied is not None), size + (copied or 0)
    return files, size


def _copy_file(source: Path, target: Path) -> int | None:
    """Copy one plain file and return its size; None if it is gone or not a plain file."""
    try:
        if source.is_symlink() or not source.is_file():
            return None
        shutil.copy2(source, target)
    except FileNotFoundError:
        return None
    return target.stat().st_size


def _swap(directory: Path, new: Path, *, aside: Path) -> Path | None:
    """Move the old content into *aside*, and that of *new* into its place.

    The marker `RESTORING` is made durable before the first move and removed after the last: a server refuses a directory
    in which a restore was interrupted.
    """
    old = [path for path in directory.iterdir() if path.name not in ("lock", RESTORING) and not _is_apart(path)]
    marker = directory / RESTORING
    marker.touch(mode=0o600)
    sync_directory(directory)
    if old:
        aside.mkdir(mode=0o700)
    for path in old:
        path.replace(aside / path.name)
    for path in sorted(new.iterdir()):
        path.replace(directory / path.name)
    sync_directory(directory)
    marker.unlink()
    sync_directory(directory)
    return aside if aside.exists() else None


def _is_apart(path: Path) -> bool:
    """Tell whether *path* is left out of backups: files of updates and of earlier restores."""
    return path.name in ("updates", _NEW) or path.name.startswith(REPLACED)


@contextmanager
def _held(directory: Path) -> Iterator[None]:
    lock = filelock.FileLock(directory / "lock", mode=0o600, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise StoreLocked(str(directory)) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _left_to_its_owner(directory: Path) -> Iterator[None]:
    """Give what root makes here to the owner of the directory, as whom the server runs, also after an error."""
    try:
        yield
    finally:
        if sys.platform != "win32" and os.geteuid() == 0:
            owner = directory.stat()
            for path in directory.rglob("*"):
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _state_bytes(directory: Path) -> int:
    return _size(directory / SNAPSHOT) + _size(directory / JOURNAL)


def _without_secrets(value: Any, *, key: str = "") -> Any:
    if isinstance(value, dict):
        if key == "env":
            return dict.fromkeys(value, _HIDDEN)
        return {name: _without_secrets(item, key=name) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return _without_user_info(value) if isinstance(value, str) else value


def _without_user_info(text: str) -> str:
    """Hide user info in a text that is a URL."""
    scheme, _, _ = text.partition("://")
    return text if " " in scheme or "\n" in scheme else without_user_info(text, instead=f"{_HIDDEN}@")
