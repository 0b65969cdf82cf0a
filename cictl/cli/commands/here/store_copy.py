"""`cictl store copy`: everything that a server keeps, from a data directory into a database and a bucket, or back."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cictl.base.text.sizes import size_text
from cictl.cli.app.session import Session
from cictl.cli.commands.here.server_errors import failures
from cictl.cli.output.table import Result
from cictl.wire.codec import Message

if TYPE_CHECKING:
    from cictl_server.transfer.place import Place


class StoreTransfer(Message):
    """What `store copy -o json` shows.

    Attributes:
        records: Counts by table.
        files: Artifacts, reports, icons and logs; `size_bytes` is what they have in all.
        files_stayed: Artifacts, reports and icons are where they were, because both ends keep them there.
    """

    source: str
    target: str
    records: dict[str, int]
    files: int
    size_bytes: int
    files_stayed: bool


def copy_store(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Option(
            "--from", metavar="DIR|URL", help="A data directory, or the URL of a database as for serve --store."
        ),
    ],
    target: Annotated[str, typer.Option("--to", metavar="DIR|URL", help="The other one of both, which holds nothing.")],
    files: Annotated[
        str,
        typer.Option(
            "--files",
            metavar="DIR|URL",
            help="Where servers on the database keep artifacts and reports, as for serve --files.",
            show_default="the data directory",
        ),
    ] = "",
    dir_files: Annotated[
        str,
        typer.Option(
            "--dir-files",
            metavar="DIR|URL",
            help="Where the server on the data directory keeps them.",
            show_default="the data directory",
        ),
    ] = "",
) -> None:
    """Copy all that a server keeps from a data directory to PostgreSQL and S3, or back.

    No server may run at either end. The source stays as it is. What was copied is read back and compared. An interrupted copy
    goes on when the same command is given again, and until it is whole no server starts on it. Both ends may keep their files in the
    same place: then these stay where they are, and only records and logs are copied.
    """
    from cictl_server.transfer.copy import transfer
    from cictl_server.transfer.place import checked_ends

    session = Session.of(context)
    session.refuse_if_readonly("copy a store")
    with failures(), ExitStack() as stack:
        checked_ends(source, target)
        here = stack.enter_context(_opened(source, files=files, dir_files=dir_files, other=target, is_target=False))
        there = stack.enter_context(_opened(target, files=files, dir_files=dir_files, other=source, is_target=True))
        done = transfer(here, there, session.note)
        if done.records["secrets"]:
            session.note("warning: the key of secrets is not copied; give the same key to each new server")
        message = StoreTransfer(
            source=here.shown,
            target=there.shown,
            records=done.records,
            files=done.files,
            size_bytes=done.size_bytes,
            files_stayed=done.files_stayed,
        )
    session.show_done(Result(message=message, rows=[message], columns=(), name=lambda m: m.target), _text(message))


def _opened(end: str, *, files: str, dir_files: str, other: str, is_target: bool) -> AbstractContextManager[Place]:
    from cictl_server.transfer import place

    if place.is_url(end):
        return place.database(end, files, data_dir=Path(other).absolute(), is_target=is_target)
    directory = Path(end).absolute()
    return place.directory_target(directory, dir_files) if is_target else place.directory_source(directory, dir_files)


def _text(done: StoreTransfer) -> str:
    stayed = "; artifacts, reports and icons stay where they are" if done.files_stayed else ""
    amount = f"{sum(done.records.values())} records, {done.files} files, {size_text(done.size_bytes)}"
    return f"copied {done.source} to {done.target}, and compared: {amount}{stayed}"
