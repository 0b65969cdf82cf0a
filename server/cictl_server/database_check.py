"""A database of cictl from outside the server: a look at it, a token in it, and the commands of PostgreSQL's own tools that keep it safe."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

import msgspec

from cictl.base.clock import utc_now
from cictl.base.json_errors import NOT_OF_TYPE
from cictl.wire.admin.access import NewToken, TokenRequest
from cictl.wire.audit.chain import BrokenChain, ChainWalk
from cictl_server.blobs.contract import PROJECTS, Blobs
from cictl_server.blobs.opening import open_blobs
from cictl_server.data_directory import add_token, missing_artifacts, strays
from cictl_server.log_writer.blob_keys import LOGS, log_of_key
from cictl_server.log_writer.contract import LogWriter
from cictl_server.services.audit.trail import chain_ends
from cictl_server.services.retention.sweep import Sweep
from cictl_server.storage import DatabaseStorage, open_database_store
from cictl_server.store.contract import Store, View
from cictl_server.store.tiny.unfinished import source_of_copy
from cictl_server.transfer.tables import KINDS, iter_executions

if TYPE_CHECKING:
    from cictl_server.postgres.database import Database

_HERE = "the database"
_AUDIT: LiteralString = "SELECT id, document FROM audit WHERE id > %s ORDER BY id LIMIT 1000"


class ExaminedDatabase(msgspec.Struct, kw_only=True):
    """The result of a check.

    Attributes:
        servers: The names of the servers that use it now. While there are any, files are not checked, because they change.
        records: The number of records of each kind; `jobs` is how many executions have each status.
        problems: One text for each; empty if all is sound.
        dangling: Sizes of artifacts, reports and icons that no record names. The servers remove them in time.
        dangling_logs: Logs in the database of no execution, and keys of logs that no record names. They go in the same way.
    """

    place: str
    schema: str
    servers: list[str]
    records: dict[str, int] = msgspec.field(default_factory=dict)
    jobs: dict[str, int] = msgspec.field(default_factory=dict)
    kept_bytes: dict[str, int] = msgspec.field(default_factory=dict)
    dangling: list[int] = msgspec.field(default_factory=list)
    dangling_logs: list[str] = msgspec.field(default_factory=list)
    problems: list[str] = msgspec.field(default_factory=list)


def examine_database(url: str, *, files: str, data_dir: Path) -> ExaminedDatabase:
    """Read every record, and look at what belongs to them. Nothing is changed, and servers may run.

    Args:
        files: Where artifacts and reports are, as for the server; empty for *data_dir*.

    Raises:
        NotFound: No server has used the database.
        StoreError, BlobsAway, InvalidRequest: The database, or the place for files, can't be used.
    """
    blobs = open_blobs(files, data_dir=data_dir, environ=os.environ)
    storage = open_database_store(url, makes_tables=False)
    try:
        return _examined(storage, blobs)
    finally:
        storage.store.close()


def create_token(url: str, request: TokenRequest) -> NewToken:
    """Make a token, for those who have lost the last one. Servers may run: they know it at once.

    Raises:
        NotFound: No server has used the database.
        StoreError: The database can't be used.
        InvalidRequest, Conflict: *url* is none, or as `TokenService.create` says.
    """
    storage = open_database_store(url, makes_tables=False)
    try:
        return add_token(storage.store, request, where=_HERE)
    finally:
        storage.store.close()


def _examined(storage: DatabaseStorage, blobs: Blobs) -> ExaminedDatabase:
    from cictl_server.signals.postgres.members import living_servers

    database = storage.database
    found = ExaminedDatabase(place=storage.shown, schema=database.schema, servers=living_servers(database))
    _read_records(storage.store, found)
    if found.problems:
        return found
    with storage.store.read() as view:
        if source := source_of_copy(view):
            found.problems.append(f"it is not whole: a copy from {source} into it was interrupted")
        found.problems += strays(view)
        _count_jobs(view, found)
    found.problems += _broken_chain(storage)
    unnamed = list(Sweep(storage.store, blobs, utc_now).unnamed())
    found.dangling = [blob.size for blob in unnamed if log_of_key(blob.key) is None]
    found.dangling_logs = sorted(blob.key for blob in unnamed if log_of_key(blob.key) is not None)
    if not found.servers:
        artifacts = (record for _, record in iter_executions(storage.store) if record is not None)
        found.problems += missing_artifacts(artifacts, blobs)
        _look_at_logs(storage.store, database, blobs, found)
    return found


def _read_records(store: Store, found: ExaminedDatabase) -> None:
    """Read each record as a server does, each table by itself: an error ends a transaction."""
    from psycopg.errors import ProgrammingError

    for kind in KINDS:
        try:
            with store.read() as view:
                found.records[kind.name] = sum(1 for _ in kind.of(view).iter_all())
        except NOT_OF_TYPE as error:
            found.problems.append(f"a record of {kind.name} is not one of cictl's: {error}")
        except ProgrammingError as error:
            found.problems.append(f"the table {kind.name} can't be read: {error.diag.message_primary}")


def _count_jobs(view: View, found: ExaminedDatabase) -> None:
    """Compare the counters with what they count, and add up what is kept."""
    told = {status.value: count for status, count in view.jobs.count_by_status().items()}
    found.jobs = dict.fromkeys(told, 0)
    logs = 0
    for job in view.jobs.iter_all():
        found.jobs[job.status.value] += 1
        logs += job.log_size
    found.problems += [
        f"the counter of {status} executions is {told[status]}, and there are {count}"
        for status, count in found.jobs.items()
        if told[status] != count
    ]
    artifacts = sum(record.bytes for record in view.artifacts.iter_all())
    found.kept_bytes = {"logs": logs, "artifacts": artifacts}


def _broken_chain(storage: DatabaseStorage) -> list[str]:
    """Walk along the audit as it is stored: a record that was read has lost what does not belong to it."""
    with storage.store.read() as view:
        ends = chain_ends(view)
    walk = ChainWalk(ends)
    try:
        for document in _audit_documents(storage.database):
            walk.step(document)
        walk.finish(ends)
    except BrokenChain as error:
        return [str(error)]
    return []


def _audit_documents(database: Database) -> Iterator[dict[str, Any]]:
    last = 0
    while rows := database.fetch(_AUDIT, (last,)):
        yield from (msgspec.json.decode(document) for _, document in rows)
        last = rows[-1][0]


def _look_at_logs(store: Store, database: Database, blobs: Blobs, found: ExaminedDatabase) -> None:
    """Compare the logs with the executions, and finished ones with their blobs."""
    from cictl_server.log_writer.postgres.writer import PostgresLogs

    logs = PostgresLogs(database.another(), blobs)
    try:
        there = {
            blob.key: blob.size
            for area in (LOGS, PROJECTS)
            for blob in blobs.iter_below(area)
            if log_of_key(blob.key) is not None
        }
        kept = {log.name: min(log.size, there.get(log.blob or "", 0)) for log in logs.finished()}
        sizes = {**kept, **_unfinished_sizes(logs)}
    finally:
        logs.close()
    for job, _ in iter_executions(store):
        size = sizes.pop(job.log_name, 0)
        if job.status.is_terminal and job.log_removed is None and size < job.log_size:
            found.problems.append(f"the log of {job.id} has {size} of {job.log_size} bytes")
    found.dangling_logs = sorted(sizes) + found.dangling_logs


def _unfinished_sizes(logs: LogWriter) -> dict[str, int]:
    return {name: logs.size(name) for name in logs.unfinished()}


class OwnTools(msgspec.Struct, frozen=True, kw_only=True):
    """Commands of others that do what cictl does with a data directory, in their order.

    Attributes:
        place: The address of the database, without a password.
    """

    place: str
    schema: str
    commands: list[str]


def backup_commands(url: str, *, files: str, data_dir: Path, folder: Path) -> OwnTools:
    """Return what backs up a database into *folder*. Records come first: a file exists before a record names it.

    Raises:
        As `examine_database`.
    """
    place, schema = _where(url)
    dump = ["pg_dump", f"--dbname={place}", f"--schema={schema}", "--format=custom", "--no-unlogged-table-data"]
    dump.append(f"--file={folder / 'records.dump'}")
    commands = [
        ["mkdir", "-m", "700", str(folder)],
        dump,
        _copying_files(files or str(data_dir), str(folder / "files")),
    ]
    return OwnTools(place=place, schema=schema, commands=[shlex.join(command) for command in commands])


def restore_commands(url: str, *, files: str, data_dir: Path, folder: Path) -> OwnTools:
    """Return what brings *folder* back, in place of what is there. Files come first.

    Raises:
        As `examine_database`.
    """
    place, schema = _where(url)
    restoring = ["pg_restore", f"--dbname={place}", f"--schema={schema}", "--clean", "--if-exists", "--no-owner"]
    restoring += ["--single-transaction", str(folder / "records.dump")]
    commands = [_copying_files(str(folder / "files"), files or str(data_dir)), restoring]
    return OwnTools(place=place, schema=schema, commands=[shlex.join(command) for command in commands])


def _where(url: str) -> tuple[str, str]:
    storage = open_database_store(url, makes_tables=False)
    try:
        return storage.shown, storage.database.schema
    finally:
        storage.store.close()


def _copying_files(source: str, target: str) -> list[str]:
    if "://" in source or "://" in target:
        return ["aws", "s3", "sync", source, target]
    return ["cp", "-a", f"{source}/.", target]
