"""What `cictl store` does with a database: it checks what is cictl's, and tells how PostgreSQL's own tools keep it safe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import msgspec
import typer

from cictl.base.text.sizes import size_text
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.session import Session
from cictl.cli.commands.here.server_errors import failures
from cictl.cli.output.table import Column, Result
from cictl.wire.codec import Message

if TYPE_CHECKING:
    from cictl_server.database_check import OwnTools


class DatabaseReport(Message):
    """What `store check --store URL -o json` shows.

    Attributes:
        servers: Those that use it now; while there are any, files are not looked at.
        records: Counts by table, and `jobs` by status.
        kept_bytes: What logs and artifacts take.
        dangling_files: How many files no record names; the servers remove them once they are a day old. `dangling_bytes` is what they take.
        dangling_logs: Logs of no job, or the keys of their files; the servers remove them too.
    """

    sound: bool
    database: str
    schema: str
    problems: list[str] = msgspec.field(default_factory=list)
    servers: list[str] = msgspec.field(default_factory=list)
    records: dict[str, int] = msgspec.field(default_factory=dict)
    jobs: dict[str, int] = msgspec.field(default_factory=dict)
    kept_bytes: dict[str, int] = msgspec.field(default_factory=dict)
    dangling_files: int = 0
    dangling_bytes: int = 0
    dangling_logs: list[str] = msgspec.field(default_factory=list)


class OwnToolsShown(Message):
    """What `store backup --store URL -o json` and `store restore` show: the commands to run, in their order."""

    database: str
    schema: str
    commands: list[str]


def check_database(session: Session, store: str, *, files: str, data_dir: Path) -> None:
    """Show how the database is; end with 1 if it is not sound."""
    from cictl_server.database_check import examine_database

    with failures():
        found = examine_database(store, files=files, data_dir=data_dir)
    report = DatabaseReport(
        sound=not found.problems,
        database=found.place,
        schema=found.schema,
        problems=found.problems,
        servers=found.servers,
        records=found.records,
        jobs=found.jobs,
        kept_bytes=found.kept_bytes,
        dangling_files=len(found.dangling),
        dangling_bytes=sum(found.dangling),
        dangling_logs=found.dangling_logs,
    )
    session.show(_report_result(report))
    if not report.sound:
        for problem in report.problems:
            session.note(f"error: {problem}")
        session.note("try: `cictl store restore BACKUP --store URL` tells how to bring an earlier state back")
        raise typer.Exit(ExitCode.ERROR)


def show_backup(session: Session, store: str, *, files: str, data_dir: Path, folder: Path) -> NoReturn:
    """Show what backs the database up into *folder*, and end with 1: nothing was done."""
    from cictl_server.database_check import backup_commands

    with failures():
        tools = backup_commands(store, files=files, data_dir=data_dir, folder=folder)
    session.note("nothing is backed up yet: a database is kept safe by PostgreSQL's own tools, also while servers run")
    _show(session, tools)
    session.note(
        "for every moment since, and not that of a dump alone: pg_basebackup and archive_mode, point-in-time recovery"
    )
    raise typer.Exit(ExitCode.ERROR)


def show_restore(session: Session, store: str, *, files: str, data_dir: Path, folder: Path) -> NoReturn:
    """Show what brings *folder* back, and end with 1: nothing was done."""
    from cictl_server.database_check import restore_commands

    with failures():
        tools = restore_commands(store, files=files, data_dir=data_dir, folder=folder)
    session.note(
        "nothing is restored yet: stop every server, run these commands, and then `cictl store check --store URL`"
    )
    _show(session, tools)
    raise typer.Exit(ExitCode.ERROR)


def _show(session: Session, tools: OwnTools) -> None:
    message = OwnToolsShown(database=tools.place, schema=tools.schema, commands=tools.commands)
    columns: tuple[Column[str], ...] = (Column("RUN", lambda command: command),)
    session.show(Result(message=message, rows=tools.commands, columns=columns, name=lambda command: command))


def _report_result(report: DatabaseReport) -> Result[DatabaseReport]:
    return Result(
        message=report,
        rows=[report],
        columns=(
            Column("Database", lambda r: r.database),
            Column("Schema", lambda r: r.schema),
            Column("Verdict", lambda r: "sound" if r.sound else "not sound"),
            Column(
                "Records",
                lambda r: ", ".join(f"{count} {name}" for name, count in r.records.items() if count) or "none",
            ),
            Column("Jobs", lambda r: ", ".join(f"{count} {name}" for name, count in r.jobs.items() if count) or "none"),
            Column("Kept", lambda r: ", ".join(f"{what} {size_text(size)}" for what, size in r.kept_bytes.items())),
            Column("Dangling", _dangling),
            Column("Files", lambda r: f"not looked at: {', '.join(r.servers)} use them" if r.servers else "looked at"),
        ),
        name=lambda r: "sound" if r.sound else "unsound",
        detailed=True,
    )


def _dangling(report: DatabaseReport) -> str:
    return f"{report.dangling_files} files, {size_text(report.dangling_bytes)}; {len(report.dangling_logs)} logs"
