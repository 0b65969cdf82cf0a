"""Work on a data directory from outside the server: check, back up, restore, compact, export."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from tinydb.table import Document

from cictl.base.clock import utc_now
from cictl.base.system.beneath import NotBeneath, beneath, leads_out
from cictl.base.system.durable import sync_directory
from cictl.base.urls import without_user_info
from cictl.wire.admin.access import NewToken, TokenRequest
from cictl.wire.audit.chain import ChainWalk
from cictl.wire.audit.records import AuditAction, TargetKind
from cictl_server.blobs.contract import Blobs
from cictl_server.blobs.opening import open_blobs
from cictl_server.errors import Conflict, InvalidRequest, NotFound
from cictl_server.services.access.authentication import Policy
from cictl_server.services.access.first_token import FILE as FIRST_TOKEN
from cictl_server.services.access.tokens import TokenService
from cictl_server.services.artifacts.places import artifacts_of
from cictl_server.services.audit.refusals import RefusalBudget
from cictl_server.services.audit.trail import Trail, chain_ends
from cictl_server.services.core.deeds import deed_of_system
from cictl_server.services.core.hub import Hub
from cictl_server.services.core.scratch import FOLDER as SCRATCH
from cictl_server.services.retention.sweep import Sweep
from cictl_server.services.secrets.own.sealing import FILE as SECRETS_KEY
from cictl_server.signals.watches import LocalWakes
from cictl_server.store.contract import Store, View
from cictl_server.store.copies import JOURNAL, SNAPSHOT, CopiedState, copy_state, has_state, held, is_in_use, open_copy
from cictl_server.store.records.artifacts import ArtifactsRecord
from cictl_server.store.signature import SIGNATURE, differences, digests_of, read_key, sign, signed_digests
from cictl_server.store.tiny.engine import RESTORING
from cictl_server.store.tiny.store import TinyStore
from cictl_server.store.trees import TreeCopy, copy_tree

REPLACED = "replaced-"
"""Prefix of the folder that keeps what a restore replaced."""

_STATE = frozenset({SNAPSHOT, JOURNAL, f"{SNAPSHOT}-new", f"{JOURNAL}-new", "lock", RESTORING})
_NEW = "restore-new"
_NOT_EXPORTED = {"answers", "secrets"}
_HIDDEN = "***"
_HERE = "data directory"
"""Who makes something here, in lists and in the audit."""


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a check of a data directory.

    Attributes:
        records: The number of records of each kind.
        jobs: How many executions have each status.
        problems: One text for each problem; empty for a sound directory.
        is_in_use: A server uses it. Then files are not checked, because they change.
        kept_bytes: What logs and artifacts take, as the records tell.
        dangling: Sizes of files that no record names. They harm nothing, and the server removes them in time.
    """

    state: CopiedState
    records: dict[str, int]
    jobs: dict[str, int]
    kept_bytes: dict[str, int]
    dangling: list[int]
    problems: list[str]
    is_in_use: bool


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup or a restore put in place.

    Attributes:
        files: Logs, artifacts, reports and icons; the state is not counted.
        left_out: A text for each entry that was not taken, and for each artifact that nobody will get.
        replaced: The folder into which a restore moved the old content; None if there was none.
    """

    state: CopiedState
    files: int
    size_bytes: int
    left_out: list[str]
    replaced: Path | None = None


class Compacted(msgspec.Struct, frozen=True, kw_only=True):
    before_bytes: int
    after_bytes: int


def examine(directory: Path, *, files: str = "") -> Examined:
    """Read everything as a server would, from a copy, so that a running server does not matter.

    Args:
        files: Where artifacts and reports are, as for the server; see `open_blobs`.

    Raises:
        NotFound: There is no database.
        StoreTooNew, StoreCorrupt: A server would refuse it.
        InvalidRequest, BlobsAway: The place for files can't be used.
    """
    in_use, blobs = _has_server(directory), open_blobs(files, data_dir=directory, environ=os.environ)
    with _opened(directory) as (state, store):
        dangling = [blob.size for blob in Sweep(store, blobs, utc_now).unnamed()]
        return _examined(directory, state, store, blobs, dangling=dangling, in_use=in_use)


def _examined(
    directory: Path, state: CopiedState, store: TinyStore, blobs: Blobs, *, dangling: list[int], in_use: bool
) -> Examined:
    with store.read() as view:
        return Examined(
            state=state,
            records={name: len(rows) for name, rows in _tables(store).items()},
            jobs={status.value: count for status, count in view.jobs.count_by_status().items()},
            kept_bytes={
                "logs": sum(job.log_size for job in view.jobs.iter_all()),
                "artifacts": sum(artifacts.bytes for artifacts in view.artifacts.iter_all()),
            },
            dangling=dangling,
            problems=[*strays(view), *([] if in_use else _missing_files(directory, view, blobs))],
            is_in_use=in_use,
        )


def back_up(directory: Path, target: Path, *, key_file: Path | None = None) -> Copied:
    """Copy the data to *target*, a new or empty folder, also while a server runs. The key in *key_file* signs the copy.

    The state is copied before the files, because a file exists before the state names it. A job that is deleted meanwhile
    may be in the copy without its files.

    Raises:
        NotFound: There is no database.
        Conflict: *target* holds something.
        InvalidRequest: *target* is inside the data directory, or *key_file* has no key.
        StoreTooNew, StoreCorrupt: The data is not sound.
    """
    _must_have_state(directory)
    key = read_key(key_file) if key_file else b""
    if target.resolve().is_relative_to(directory.resolve()):
        raise InvalidRequest(f"{target} is inside {directory}", hint="choose a folder elsewhere, best on another disk")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Conflict(f"{target} is not empty", hint="choose a folder that does not exist yet")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        copied, _ = _copy_all(directory, part)
        if key:
            sign(part, key)
        _flush_disks()
        part.replace(target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    sync_directory(target.parent)
    return copied


def restore(directory: Path, source: Path, *, now: datetime, key_file: Path | None = None) -> Copied:
    """Replace the content of *directory* by the backup *source*. The old content is moved into a folder in it.

    The backup is copied and read through before anything is moved. With *key_file*, what was copied is also compared with
    the signature of that key.

    Raises:
        NotFound: *source* is not a backup.
        InvalidRequest: *source* is not as its signature says, or *key_file* has no key.
        StoreLocked: A server uses *directory*.
        StoreTooNew, StoreCorrupt: The backup is not sound.
    """
    _must_have_state(source)
    if source.resolve() == directory.resolve():
        raise InvalidRequest(f"{source} is the data directory itself")
    signed = signed_digests(source, read_key(key_file)) if key_file else None
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _left_to_its_owner(directory), held(directory):
        new = directory / _NEW
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        try:
            copied, digests = _copy_all(source, new)
            if signed is not None:
                _check_signed(source, {**digests_of(new), **digests}, signed)
            _flush_disks()
            replaced = _swap(directory, new, aside=directory / f"{REPLACED}{now:%Y%m%dT%H%M%S%fZ}")
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return msgspec.structs.replace(copied, replaced=replaced)


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


def create_token(directory: Path, request: TokenRequest) -> NewToken:
    """Make a token, for those who have lost the last one. No server may use the directory.

    Raises:
        NotFound: There is no database.
        StoreLocked: A server uses it.
        StoreTooNew, StoreCorrupt: It can't be opened.
        InvalidRequest, Conflict: As `TokenService.create` says.
    """
    _must_have_state(directory)
    with _left_to_its_owner(directory), TinyStore.open(directory) as store:
        return add_token(store, request, where=_HERE)


def add_token(store: Store, request: TokenRequest, *, where: str) -> NewToken:
    """Make a token in *store*, and record that in its audit.

    Args:
        where: What the audit names as who made it.

    Raises:
        InvalidRequest, Conflict: As `TokenService.create` says.
    """
    hub = Hub(LocalWakes(), places=0)
    Trail(store=store, clock=utc_now, hub=hub, budget=RefusalBudget(), kept=timedelta()).attach()
    tokens = TokenService(store=store, clock=utc_now, policy=Policy.OPEN_AT_FIRST)
    with deed_of_system(AuditAction.TOKEN_CREATED, awaits=TargetKind.TOKEN, name=where):
        return tokens.create(request, created_by=where)


def verify_audit(directory: Path) -> int:
    """Walk along the records of the audit, the oldest first, and return their number. A server may use the directory.

    Raises:
        NotFound, StoreTooNew, StoreCorrupt: As in `examine`.
        BrokenChain: A record was altered, removed or put in.
    """
    with _opened(directory) as (_, store):
        with store.read() as view:
            ends = chain_ends(view)
        documents = sorted(store.db.table("audit").all(), key=lambda document: document.doc_id)
    walk = ChainWalk(ends)
    for document in documents:
        walk.step(document)
    walk.finish(ends)
    return walk.count


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


def strays(view: View) -> Iterator[str]:
    """Yield a text for each artifact whose stored path leads out of the folder of its upload; it is never handed out."""
    for record in view.artifacts.iter_all():
        for entry in record.entries:
            if leads_out(entry.path):
                yield f"artifact {entry.path!r} of job-{record.number} leads out of its folder"


def _missing_files(directory: Path, view: View, blobs: Blobs) -> Iterator[str]:
    """Yield a text for each loss of a finished execution: log bytes that count, acknowledged artifacts."""
    for job in view.jobs.iter_all():
        size = _size(directory / "logs", f"{job.log_name}.log")
        if job.status.is_terminal and size < job.log_size:
            yield f"the log of {job.id} has {size} of {job.log_size} bytes"
    yield from missing_artifacts(view.artifacts.iter_all(), blobs)


def missing_artifacts(records: Iterable[ArtifactsRecord], blobs: Blobs) -> Iterator[str]:
    """Yield a text for each acknowledged artifact that is not there whole."""
    for record in records:
        for entry in record.entries:
            if entry.link or leads_out(entry.path):  # a link has no bytes; the file at its end is an entry of its own
                continue
            blob = blobs.find(artifacts_of(blobs, record) + entry.path)
            size = blob.size if blob else 0
            if size != entry.size_bytes:
                yield f"artifact {entry.path} of job-{record.number} has {size} of {entry.size_bytes} bytes"


def _size(root: Path, path: str) -> int:
    """Return how many bytes the plain file *path* below *root* has; 0 if there is none."""
    try:
        place = beneath(root, path)
    except NotBeneath:
        return 0
    return place.stat().st_size if place.is_file() else 0


def _copy_all(source: Path, target: Path) -> tuple[Copied, dict[str, str]]:
    """Copy state and files into *target*, and read the copied state through.

    Also return the digests of the state as it came: to read it through may write it anew.
    """
    state = copy_state(source, target)
    digests = digests_of(target)
    copy = TreeCopy()
    with open_copy(target, source=source) as store, store.read() as view:
        copy.left_out.extend(strays(view))
    for path in sorted(source.iterdir()):
        if path.name not in _STATE and not _is_apart(path):
            copy_tree(path, target / path.name, copy, name=path.name)
    (target / "lock").unlink(missing_ok=True)
    size = copy.size_bytes + state.snapshot_bytes + state.journal_bytes
    return Copied(state=state, files=copy.files, size_bytes=size, left_out=copy.left_out), digests


def _check_signed(source: Path, found: Mapping[str, str], signed: Mapping[str, str]) -> None:
    if wrong := list(differences(found, signed)):
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise InvalidRequest(f"{source} is not as it was signed: {wrong[0]}{more}", hint="nothing was restored")


def _flush_disks() -> None:
    if sys.platform != "win32":
        os.sync()


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
    """Tell whether *path* stays where it is: files of updates and of earlier restores, temporary ones, a signature, the first token,
    and the key of secrets.

    A backup with the key would open the secrets in it, and a restore must not take away the key that opens them.
    """
    return path.name in ("updates", SCRATCH, FIRST_TOKEN, _NEW, SIGNATURE, SECRETS_KEY) or path.name.startswith(
        REPLACED
    )


@contextmanager
def _left_to_its_owner(directory: Path) -> Iterator[None]:
    """Give what root makes here to the owner of the directory, as whom the server runs, also after an error."""
    try:
        yield
    finally:
        if sys.platform != "win32" and os.geteuid() == 0:
            owner = directory.stat()
            for path in directory.rglob("*"):
                if not _has_other_names(path):  # which may be another user's file: nothing here makes such names
                    os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _has_other_names(path: Path) -> bool:
    info = path.lstat()
    return stat.S_ISREG(info.st_mode) and info.st_nlink > 1


def _state_bytes(directory: Path) -> int:
    return _size(directory, SNAPSHOT) + _size(directory, JOURNAL)


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
