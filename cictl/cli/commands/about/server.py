"""`cictl server`."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from cictl.cli.app.commands import DestructiveCommand, new_group
from cictl.cli.app.confirmation import confirm
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.cli.app.session import Session
from cictl.cli.output.table import Result

app = new_group("cictl server restart --wait")

_POLL_SECONDS = 0.2


@app.callback()
def server() -> None:
    """Keep this a group: typer would make the only command the whole program."""


@app.command("restart", cls=DestructiveCommand, epilog="cictl server restart\ncictl server restart --wait --yes")
def restart(
    context: typer.Context,
    wait: Annotated[bool, typer.Option("--wait", help="Return once the server answers again.")] = False,
    wait_timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0, help="Stop waiting; exit code 8.")
    ] = 120.0,
) -> None:
    """Restart the server; jobs that run go on.

    Below a service manager the process ends and is started again by it; elsewhere it starts itself again with the same
    options. Asks on a terminal, and needs --yes elsewhere. Refused with exit code 7 while the server is being updated.
    """
    from cictl.cli.server.update import restart_text

    session = Session.of(context)
    session.refuse_if_readonly("restart the server")
    before = session.client.server_info().instance_id
    session.note(restart_text(session.client))
    confirm(session, "restart the server?")
    answer = session.client.restart_server()
    if wait:
        _wait(session, before, deadline=time.monotonic() + wait_timeout)
    text = f"{answer.message}; it answers again" if wait else answer.message
    session.show_done(
        Result(message=answer, rows=[answer], columns=(), name=lambda _: session.settings.shown_server), text
    )


def _wait(session: Session, before: str, *, deadline: float) -> None:
    """Return once another instance than *before* answers.

    Nothing is said of the outage: the user asked for it.
    """
    from cictl.cli.output.outage import DeadlineReached, Outage
    from cictl_client import ApiError, Unreachable

    client = session.new_client(retries=0, timeout=10.0)
    outage = Outage(
        lambda _: None,
        every=_POLL_SECONDS,
        deadline=deadline,
        # Whatever refuses meanwhile, such as a proxy, is not the server that is waited for.
        passing=lambda error: isinstance(error, (Unreachable, ApiError)),
    )
    try:
        while outage.through(client.server_info, pause=_POLL_SECONDS, longest=_POLL_SECONDS).instance_id == before:
            outage.pause(_POLL_SECONDS)
    except DeadlineReached:
        raise Failure(
            "the server does not answer again yet",
            exit_code=ExitCode.TIMED_OUT,
            code="wait_timed_out",
            hint="`cictl healthcheck`, and the server's log",
        ) from None
