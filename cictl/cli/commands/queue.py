"""`cictl queue`."""

from __future__ import annotations

from typing import Annotated

import typer

from cictl.cli.app.commands import Command, new_group
from cictl.cli.app.session import Session
from cictl.cli.names import find_project
from cictl.cli.output.table import Column, Result
from cictl.wire.waiting.queue import QueuePause, QueueState

app = new_group(
    "cictl queue show\ncictl queue pause --reason 'moving the registry'\ncictl queue pause --project shop --reason release\n"
    "cictl queue resume"
)

Project = Annotated[
    str, typer.Option("--project", metavar="PROJECT", help="Only the jobs of this project; default: all jobs.")
]

_COLUMNS: tuple[Column[QueuePause], ...] = (
    Column("PAUSED", lambda p: p.project or "(everything)", shrinks=True),
    Column("REASON", lambda p: p.reason, folds=True),
    Column("SINCE", lambda p: p.since_utc),
    Column("BY", lambda p: p.paused_by),
)


@app.command("show", cls=Command, epilog="cictl queue show\ncictl queue show -o json")
def show(context: typer.Context) -> None:
    """Show what is paused, by whom and why."""
    session = Session.of(context)
    session.show(_result(session.client.queue_state()))


@app.command(
    "pause",
    cls=Command,
    epilog="cictl queue pause --reason 'moving the registry'\ncictl queue pause --project shop --reason release",
)
def pause(
    context: typer.Context,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; `jobs explain` shows it.")],
    project: Project = "",
) -> None:
    """Give agents no further jobs. What runs goes on, and new runs are queued.

    Pausing again changes the reason. A pause of everything and one of a project are ended each by itself.
    """
    session = Session.of(context)
    session.refuse_if_readonly("pause the queue")
    found = session.client.pause_queue(reason=reason, project=_id(session, project))
    session.show_done(_result(found), f"paused: {project or 'everything'}")


@app.command("resume", cls=Command, epilog="cictl queue resume\ncictl queue resume --project shop")
def resume(context: typer.Context, project: Project = "") -> None:
    """End a pause."""
    session = Session.of(context)
    session.refuse_if_readonly("resume the queue")
    found = session.client.resume_queue(project=_id(session, project))
    left = ", ".join(pause.project or "everything" for pause in found.pauses)
    session.show_done(
        _result(found), f"resumed: {project or 'everything'}" + (f"; still paused: {left}" if left else "")
    )


def _id(session: Session, project: str) -> str:
    return str(find_project(session.client, project).id) if project else ""


def _result(state: QueueState) -> Result[QueuePause]:
    return Result(
        message=state,
        rows=state.pauses,
        columns=_COLUMNS,
        name=lambda pause: pause.project or "everything",
        empty="nothing is paused",
    )
