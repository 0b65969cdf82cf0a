"""`cictl audit`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from cictl.cli.app.commands import JSON_LINES, Command, RecordsCommand, new_group
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure, usage
from cictl.cli.app.instants import since_instant
from cictl.cli.app.session import Session
from cictl.cli.output.outage import lost_text
from cictl.cli.output.table import Column, Result
from cictl.cli.tables.audit import AUDIT_COLUMNS, audit_line
from cictl.wire.audit.chain import BrokenChain
from cictl.wire.audit.records import AuditFilter, AuditRecord
from cictl.wire.codec import Message, encode
from cictl_client import Client

app = new_group("cictl audit list --action job.cancelled\ncictl audit list -f -o jsonl\ncictl audit verify")

_SHOWN = 100
_PAGE = 1000
_SHOWN_WHEN_FOLLOWED = 10


class AuditList(Message):
    """What `audit list -o json` shows."""

    records: list[AuditRecord]


class AuditVerified(Message):
    """What `audit verify -o json` shows: the chain of this many records holds."""

    records: int


@app.command(
    "list",
    cls=RecordsCommand,
    epilog="cictl audit list\ncictl audit list --actor anna --since 7d\n"
    "cictl audit list --action auth.refused -o wide\ncictl audit list --since 30d -o jsonl > audit.jsonl\n"
    "cictl audit list -f -o jsonl",
)
def list_audit(
    context: typer.Context,
    actor: Annotated[
        str,
        typer.Option("--actor", metavar="NAME", help="Only what this token did, by its name or id; or `anonymous`."),
    ] = "",
    action: Annotated[
        str,
        typer.Option("--action", metavar="ACTION", help="Only this, such as job.cancelled, or all about a noun: job."),
    ] = "",
    target: Annotated[
        str, typer.Option("--target", metavar="NAME", help="Only what was done to this, by its name or id.")
    ] = "",
    since: Annotated[
        str, typer.Option("--since", metavar="WHEN", help="Nothing earlier: 15m, 7d, or an ISO 8601 time.")
    ] = "",
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=0, help=f"How many, 0 for all; else {_SHOWN}, and with -o jsonl all."),
    ] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what is done, until Ctrl-C.")] = False,
) -> None:
    """Show who did what on the server, the newest first: every change, and every request that was refused.

    With -o jsonl each record is one JSON object a line. With --follow come the last ten, the oldest first, then each new one, with
    -o json one object a line too.
    """
    session = Session.of(context)
    is_by_line = session.output == JSON_LINES
    if is_by_line and session.options.get("query"):
        raise usage("--query goes with -o json, not with jsonl")
    wanted = AuditFilter(actor=actor, action=action, target=target, since=since_instant(session, since))
    if follow:
        _follow(session, wanted, most=_SHOWN_WHEN_FOLLOWED if limit is None else limit)
        return
    most = (0 if is_by_line else _SHOWN) if limit is None else limit
    records = _newest_first(session.client, wanted)
    found = islice(records, most) if most else records
    if is_by_line:
        for record in found:
            session.stdout.write(encode(record).decode())
        return
    listed = list(found)
    session.show(_result(listed))
    if not session.wants_data and next(records, None) is not None:
        session.note_more(most * 10)


@app.command(
    "verify",
    cls=Command,
    epilog="cictl audit verify\ncictl audit verify --data-dir /var/lib/cictl",
)
def verify_audit(
    context: typer.Context,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", metavar="DIR", help="Look into this data directory instead of asking the server."),
    ] = None,
) -> None:
    """Check that no record of the audit was altered or removed.

    Each record has the hash of the one before. If the chain is broken, the first record that does not fit is named, and the exit code is 1.
    """
    session = Session.of(context)
    try:
        if data_dir is None:
            count = session.client.verify_audit()
        else:
            from cictl.cli.commands.here.stopped_server import verify_audit as verify_there

            count = verify_there(data_dir)
    except BrokenChain as error:
        raise Failure(
            f"the audit was tampered with: {error}",
            exit_code=ExitCode.ERROR,
            code="audit_broken",
            hint=f"compare what is from record {error.record_id} on with a backup or an export",
        ) from error
    columns: tuple[Column[AuditVerified], ...] = (Column("Records", lambda v: v.records),)
    verified = AuditVerified(records=count)
    result = Result(message=verified, rows=[verified], columns=columns, name=lambda v: str(v.records), detailed=True)
    session.show_done(result, f"the chain of {count} records holds" if count != 1 else "the chain of 1 record holds")


def _newest_first(client: Client, wanted: AuditFilter) -> Iterator[AuditRecord]:
    """Yield the records, part by part, as the caller needs them."""
    cursor, limit = "", _SHOWN
    while True:
        page = client.list_audit(wanted, cursor=cursor, limit=limit)
        yield from page.records
        cursor, limit = page.next_cursor, _PAGE
        if not cursor:
            return


def _result(records: list[AuditRecord]) -> Result[AuditRecord]:
    return Result(
        message=AuditList(records=records),
        rows=records,
        columns=AUDIT_COLUMNS,
        name=lambda record: str(record.id),
        empty="no records match",
    )


def _follow(session: Session, wanted: AuditFilter, *, most: int) -> None:
    """Write the last *most* records, and then the new ones until Ctrl-C.

    Raises:
        Failure: The format can't show what goes on.
    """
    write = _writer(session)
    last = session.client.list_audit(limit=1).chain.last_id
    known = islice((record for record in _newest_first(session.client, wanted) if record.id <= last), most)
    for record in reversed(list(known)):
        write(record)
    on_reconnect = partial(_note_lost, session)
    try:
        for record in session.client.follow_audit(wanted, after=last, on_reconnect=on_reconnect):
            write(record)
    except KeyboardInterrupt:
        session.note("")


def _writer(session: Session) -> Callable[[AuditRecord], None]:
    """Return what writes one record at once, in the format that was asked for."""
    if session.options.get("query") or session.output in ("yaml", "name"):
        raise usage("--follow goes with -o table, wide, json and jsonl only")
    to_text: Callable[[AuditRecord], str] = (
        (lambda record: encode(record).decode()) if session.wants_data else (lambda record: f"{audit_line(record)}\n")
    )

    def write(record: AuditRecord) -> None:
        session.stdout.write(to_text(record))
        session.stdout.flush()

    return write


def _note_lost(session: Session, error: Exception) -> None:
    session.note(lost_text(error))
