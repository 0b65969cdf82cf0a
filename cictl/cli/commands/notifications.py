"""`cictl notifications`."""

from __future__ import annotations

from typing import Annotated

import typer

from cictl.cli.app.commands import Command, new_group
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import usage
from cictl.cli.app.session import Session
from cictl.cli.app.words import NOTIFICATION_STATES
from cictl.cli.names import find_project
from cictl.cli.output.table import Column, Result
from cictl.wire.notifications import Notification, NotificationTest, NotificationTests

app = new_group("cictl notifications list --state waiting\ncictl notifications test shop")

MOST = 500

_COLUMNS: tuple[Column[Notification], ...] = (
    Column("ID", lambda n: n.id),
    Column("STATE", lambda n: n.state.value),
    Column("TYPE", lambda n: n.type.value),
    Column("RUN", lambda n: n.run),
    Column("PIPELINE", lambda n: f"{n.project}/{n.pipeline}", shrinks=True),
    Column("BRANCH", lambda n: n.branch, shrinks=True),
    Column("TARGET", lambda n: n.target, folds=True),
    Column("ATTEMPTS", lambda n: n.attempts),
    Column("CREATED", lambda n: n.created_utc),
    Column("ERROR", lambda n: n.error, folds=True),
    Column("NEXT", lambda n: n.next_attempt_utc, wide=True),
    Column("MESSAGE ID", lambda n: n.message_id, wide=True),
)

_TEST_COLUMNS: tuple[Column[NotificationTest], ...] = (
    Column("TARGET", lambda t: t.target, folds=True),
    Column("DELIVERED", lambda t: "yes" if t.delivered else "no"),
    Column("ERROR", lambda t: t.error, folds=True),
)


@app.command(
    "list",
    cls=Command,
    epilog="cictl notifications list\ncictl notifications list --project shop --state waiting\n"
    "cictl notifications list --state given_up -o json",
)
def list_notifications(
    context: typer.Context,
    project: Annotated[str, typer.Option("--project", metavar="PROJECT", help="Only this project's.")] = "",
    state: Annotated[
        str, typer.Option("--state", metavar="STATE", help=f"Only these: {', '.join(NOTIFICATION_STATES)}.")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=MOST, help="How many.")] = 50,
) -> None:
    """List the newest notifications: what was sent, what waits, and why it failed."""
    session = Session.of(context)
    if state and state not in NOTIFICATION_STATES:
        raise usage(f"no such state: {state}", hint=f"one of {', '.join(NOTIFICATION_STATES)}")
    found = session.client.list_notifications(
        project=str(find_project(session.client, project).id) if project else "",
        state=state,
        limit=limit,
    )
    session.show(
        Result(
            message=found,
            rows=found.notifications,
            columns=_COLUMNS,
            name=lambda n: str(n.id),
            empty="there are no notifications; `notify` of a project file asks for them",
        )
    )
    if found.next_cursor:
        session.note_more(min(limit * 10, MOST))


@app.command("test", cls=Command, epilog="cictl notifications test shop\ncictl notifications test shop -o json")
def test(
    context: typer.Context,
    project: Annotated[str, typer.Argument(metavar="PROJECT", help="The project's name, its beginning, or its id.")],
) -> None:
    """Send a test to each target that a project's file names, and tell how they took it.

    A target that said 410 once gets messages again when it takes the test. The exit code is 1 if a target did not.
    """
    session = Session.of(context)
    session.refuse_if_readonly("send test notifications")
    found = session.client.test_notifications(find_project(session.client, project).id)
    session.show(
        Result(
            message=NotificationTests(results=found),
            rows=found,
            columns=_TEST_COLUMNS,
            name=lambda t: t.target,
            empty="",
        )
    )
    if not all(result.delivered for result in found):
        raise typer.Exit(ExitCode.ERROR)
