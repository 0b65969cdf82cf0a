"""`cictl healthcheck`: one line and an exit code, for installers, probes and people in a hurry."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from cictl.cli.app.commands import with_examples
from cictl.cli.app.session import Session
from cictl.cli.output.table import Column, Result
from cictl.cli.server.health import EXIT_CODES, Check, Health, examine, line_of


@with_examples("cictl healthcheck\ncictl healthcheck --wait --timeout 30\ncictl healthcheck -o json")
def healthcheck(
    context: typer.Context,
    wait: Annotated[bool, typer.Option("--wait", help="Try again until it is healthy.")] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0, help="How long --wait tries.")
    ] = 60.0,
) -> None:
    """Check that the server is up and well.

    Exit codes: 0 healthy, 9 unreachable or no cictl server, 10 degraded.
    """
    session = Session.of(context)
    probe = session.new_probe()
    health = examine(probe, session.settings.shown_server)
    until = time.monotonic() + (timeout if wait else 0.0)
    while not health.healthy and time.monotonic() < until:
        time.sleep(min(session.patience.poll_seconds, max(0.0, until - time.monotonic())))
        health = examine(probe, session.settings.shown_server)
    if session.wants_data:
        session.show(_result(health))
    else:
        session.stdout.write(f"{line_of(health)}\n")
    raise typer.Exit(EXIT_CODES[health.status])


def _result(health: Health) -> Result[Check]:
    return Result(
        message=health,
        rows=health.checks,
        columns=(Column("CHECK", lambda c: c.name),),
        name=lambda _: health.status,
        names=(health.status,),
    )
