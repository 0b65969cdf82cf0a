"""`cictl store`: a server's data directory, looked at and kept safe from outside the server."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from cictl.base.text.sizes import size_text
from cictl.cli.app.commands import LocalCommand, LocalDestructiveCommand, new_group
from cictl.cli.app.confirmation import ask
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.session import Session
from cictl.cli.commands.here.server_errors import failures
from cictl.cli.commands.here.store_copy import copy_store
from cictl.cli.commands.here.store_database import check_database, show_backup, show_restore
from cictl.cli.output.table import Column, Result
from cictl.wire.codec import Message

if TYPE_CHECKING:
    from cictl_server.data_directory import Copied, Examined

app = new_group(
    "cictl store check\ncictl store backup /mnt/backup/cictl-monday\ncictl store restore /mnt/backup/cictl-monday"
)

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="CICTL_DATA_DIR",
        metavar="DIR",
        help="The server's data directory; default: the user's data directory.",
    ),
]

Files = Annotated[
    str,
    typer.Option(
        "--files",
        envvar="CICTL_FILES",
        metavar="DIR|URL",
        help="Where the server keeps artifacts and reports, if elsewhere: as for `cictl serve`.",
        show_default="the data directory",
    ),
]

StoreUrl = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="CICTL_STORE",
        metavar="URL",
        help="The database that keeps the records, as for `cictl serve`.",
        show_default="the data directory",
    ),
]

KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help="A key of 16 bytes or more, kept apart from backups. It signs a backup (HMAC-SHA-256), and checks one.",
    ),
]

_MOST_TOLD = 20


class StoreReport(Message):
    """What `store check -o json` shows.

    Attributes:
        torn_bytes: The size of a change that the server was writing when it died; no client was told of that change.
        records: Counts by table.
        jobs: Counts by status.
        kept_bytes: What logs and artifacts take.
        dangling_files: How many files no record names; the server removes them once they are a day old. `dangling_bytes` is what they take.
    """

    sound: bool
    data_dir: str
    problems: list[str] = msgspec.field(default_factory=list)
    in_use: bool = False
    schema: int = 0
    transactions: int = 0
    snapshot_bytes: int = 0
    journal_bytes: int = 0
    journal_lines: int = 0
    torn_bytes: int = 0
    records: dict[str, int] = msgspec.field(default_factory=dict)
    jobs: dict[str, int] = msgspec.field(default_factory=dict)
    kept_bytes: dict[str, int] = msgspec.field(default_factory=dict)
    dangling_files: int = 0
    dangling_bytes: int = 0


class StoreCopy(Message):
    """What `store backup -o json` and `store restore -o json` show.

    Attributes:
        left_out: A text for each entry that was not taken, such as `logs/job-1.log is a link`.
        replaced: Where the former content is now.
    """

    source: str
    target: str
    transactions: int
    files: int
    size_bytes: int
    left_out: list[str] = msgspec.field(default_factory=list)
    replaced: str = ""


class StoreSize(Message):
    """What `store compact -o json` shows."""

    data_dir: str
    before_bytes: int
    after_bytes: int


class StoreExport(Message):
    """What `store export` shows: every record by table."""

    data_dir: str
    tables: dict[str, list[dict[str, Any]]]


@app.command("check", cls=LocalCommand, epilog="cictl store check\ncictl store check --data-dir /var/lib/cictl -o json")
def check_store(context: typer.Context, data_dir: DataDir = None, store: StoreUrl = "", files: Files = "") -> None:
    """Prove that the data is sound, or say what is not.

    Reads every record on a copy, so it changes nothing and works while the server runs. Of a stopped server it also finds
    logs and artifacts that are not there whole, and tells what dangles: files that no record names. With --store it looks at a database and the files
    of its servers. Exit codes: 0 sound, 1 not sound, 5 no data.
    """
    from cictl_server import data_directory
    from cictl_server.errors import StoreError

    session = Session.of(context)
    directory = _directory(data_dir)
    if store:
        check_database(session, store, files=files, data_dir=directory)
        return
    with failures():
        try:
            report = _report(directory, data_directory.examine(directory, files=files))
        except StoreError as error:
            report = StoreReport(sound=False, data_dir=str(directory), problems=[str(error)])
    session.show(_report_result(report))
    if not report.sound:
        for problem in report.problems:
            session.note(f"error: {problem}")
        session.note("try: `cictl store restore BACKUP` puts an earlier state in its place")
        raise typer.Exit(ExitCode.ERROR)


@app.command(
    "backup",
    cls=LocalCommand,
    epilog="cictl store backup /mnt/backup/cictl-$(date +%F)\n"
    "cictl store backup /mnt/backup/cictl-monday --key-file ~/backup.key",
)
def back_up_store(
    context: typer.Context,
    target: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where to: a folder that is not there yet, or empty.")
    ],
    data_dir: DataDir = None,
    key_file: KeyFile = None,
    store: StoreUrl = "",
    files: Files = "",
) -> None:
    """Copy the data, also while the server runs.

    The copy holds every change that was acknowledged before it began, is read through before it is called good, and is a
    data directory itself: `cictl serve --data-dir FOLDER` serves it. Plain files alone are copied; what else is there, such
    as links, is named and left out. A database is backed up by PostgreSQL's own tools: with --store their commands are shown, and the exit code
    is 1.
    """
    from cictl_server import data_directory

    session = Session.of(context)
    directory = _directory(data_dir)
    if store:
        show_backup(session, store, files=files, data_dir=directory, folder=target)
    with failures():
        copied = data_directory.back_up(directory, target, key_file=key_file)
    _tell_left_out(session, copied)
    session.show_done(_copy_result(directory, target, copied), f"backed up {directory} to {target}: {_amount(copied)}")


@app.command(
    "restore",
    cls=LocalDestructiveCommand,
    epilog="cictl store restore /mnt/backup/cictl-monday --yes\n"
    "cictl store restore /mnt/backup/cictl-monday --key-file ~/backup.key",
)
def restore_store(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that `store backup` wrote.")],
    data_dir: DataDir = None,
    key_file: KeyFile = None,
    store: StoreUrl = "",
    files: Files = "",
) -> None:
    """Put a backup in the place of a stopped server's data.

    What is there now is kept in a folder beside it. Links and other things that are no plain files are named and left out.
    With --key-file nothing is restored that this key did not sign. Asks on a terminal, and needs --yes elsewhere. A
    database is restored by PostgreSQL's own tools: with --store their commands are shown, and the exit code is 1.
    """
    from cictl_server import data_directory

    session = Session.of(context)
    session.refuse_if_readonly("restore a backup")
    directory = _directory(data_dir)
    if store:
        show_restore(session, store, files=files, data_dir=directory, folder=source)
    session.note(f"this replaces what {directory} holds by {source}; the present content is kept beside it")
    ask(session, f"restore {source}?")
    with failures():
        copied = data_directory.restore(directory, source, now=datetime.now(tz=UTC), key_file=key_file)
    _tell_left_out(session, copied)
    kept = f"; what was there is in {copied.replaced}" if copied.replaced else ""
    session.show_done(_copy_result(source, directory, copied), f"restored {source}: {_amount(copied)}{kept}")


@app.command("compact", cls=LocalCommand, epilog="cictl store compact")
def compact_store(context: typer.Context, data_dir: DataDir = None) -> None:
    """Write the journal of a stopped server into its snapshot.

    A running server does this by itself.
    """
    from cictl_server import data_directory

    session = Session.of(context)
    session.refuse_if_readonly("compact the store")
    directory = _directory(data_dir)
    with failures():
        sizes = data_directory.compact(directory)
    size = StoreSize(data_dir=str(directory), before_bytes=sizes.before_bytes, after_bytes=sizes.after_bytes)
    result = Result(message=size, rows=[size], columns=(), name=lambda s: s.data_dir)
    session.show_done(result, f"compacted {directory}: {size.before_bytes} bytes before, {size.after_bytes} after")


@app.command(
    "export",
    cls=LocalCommand,
    epilog="cictl store export > cictl.json\ncictl store export --query 'tables.agents[].agent_id'",
)
def export_store(context: typer.Context, data_dir: DataDir = None) -> None:
    """Write all records as JSON, also while the server runs.

    Values of environment variables and passwords in addresses are replaced by ***.
    """
    from cictl_server import data_directory

    session = Session.of(context)
    directory = _directory(data_dir)
    with failures():
        message = StoreExport(data_dir=str(directory), tables=data_directory.export(directory))
    if not session.wants_data:
        session.options["output"] = "json"
    session.show(Result(message=message, rows=list(message.tables), columns=(), name=str))


app.command(
    "copy",
    cls=LocalCommand,
    epilog="cictl store copy --from /var/lib/cictl --to postgresql://cictl@db/cictl --files s3://bucket/prefix\n"
    "cictl store copy --from postgresql://cictl@db/cictl --files s3://bucket/prefix --to /var/lib/cictl-new",
)(copy_store)


def _directory(given: Path | None) -> Path:
    import platformdirs

    return given or platformdirs.user_data_path("cictl", appauthor=False)


def _report(directory: Path, found: Examined) -> StoreReport:
    state = found.state
    return StoreReport(
        sound=not found.problems,
        data_dir=str(directory),
        problems=found.problems,
        in_use=found.is_in_use,
        schema=state.schema,
        transactions=state.sequence,
        snapshot_bytes=state.snapshot_bytes,
        journal_bytes=state.journal_bytes,
        journal_lines=state.journal_lines,
        torn_bytes=state.torn_bytes,
        records=found.records,
        jobs=found.jobs,
        kept_bytes=found.kept_bytes,
        dangling_files=len(found.dangling),
        dangling_bytes=sum(found.dangling),
    )


def _report_result(report: StoreReport) -> Result[StoreReport]:
    return Result(
        message=report,
        rows=[report],
        columns=(
            Column("Data", lambda r: r.data_dir),
            Column("Verdict", lambda r: "sound" if r.sound else "not sound"),
            Column("Transactions", lambda r: r.transactions),
            Column("Snapshot", lambda r: f"{r.snapshot_bytes} bytes"),
            Column("Journal", lambda r: f"{r.journal_lines} lines, {r.journal_bytes} bytes"),
            Column("Torn end", _torn),
            Column("Records", lambda r: _counts(r.records)),
            Column("Jobs", lambda r: _counts(r.jobs)),
            Column("Kept", lambda r: ", ".join(f"{what} {size_text(size)}" for what, size in r.kept_bytes.items())),
            Column("Dangling", lambda r: f"{r.dangling_files} files, {size_text(r.dangling_bytes)}"),
            Column("Files", lambda r: "not looked at: a server has them" if r.in_use else "looked at"),
        ),
        name=lambda r: "sound" if r.sound else "unsound",
        detailed=True,
    )


def _torn(report: StoreReport) -> str:
    if not report.torn_bytes:
        return "none"
    return f"{report.torn_bytes} bytes of a change that nobody was told of; the next start drops them"


def _counts(counts: Mapping[str, int]) -> str:
    texts = (f"{count} {name.removesuffix('s') if count == 1 else name}" for name, count in counts.items() if count)
    return ", ".join(texts) or "none"


def _copy_result(source: Path, target: Path, copied: Copied) -> Result[StoreCopy]:
    copy = StoreCopy(
        source=str(source),
        target=str(target),
        transactions=copied.state.sequence,
        files=copied.files,
        size_bytes=copied.size_bytes,
        left_out=copied.left_out,
        replaced=str(copied.replaced or ""),
    )
    return Result(message=copy, rows=[copy], columns=(), name=lambda c: c.target)


def _tell_left_out(session: Session, copied: Copied) -> None:
    for text in copied.left_out[:_MOST_TOLD]:
        session.note(f"warning: left out: {text}")
    if len(copied.left_out) > _MOST_TOLD:
        session.note(f"warning: left out: {len(copied.left_out) - _MOST_TOLD} more; -o json names all")


def _amount(copied: Copied) -> str:
    return f"{copied.state.sequence} transactions, {copied.files} files, {copied.size_bytes} bytes"
