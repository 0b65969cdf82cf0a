"""`cictl tests`."""

from __future__ import annotations

from typing import Annotated

import typer

from cictl.cli.app.commands import Command, new_group
from cictl.cli.app.failures import not_found
from cictl.cli.app.session import Session
from cictl.cli.jobs.filters import find_place
from cictl.cli.tables.tests import test_details, tests_over_time

app = new_group("cictl tests flaky\ncictl tests slow --project shop\ncictl tests show tests.TestPot.test_warm")

MOST = 1000

Project = Annotated[str, typer.Option("--project", metavar="PROJECT", help="Only this project's.")]
Pipeline = Annotated[str, typer.Option("--pipeline", metavar="PIPELINE", help="Only this pipeline's.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=MOST, help="How many.")]


@app.command("list", cls=Command, epilog="cictl tests list --project shop\ncictl tests list --pipeline build -o json")
def list_tests(context: typer.Context, project: Project = "", pipeline: Pipeline = "", limit: Limit = 100) -> None:
    """List tests with how they went so far, by project, pipeline and name."""
    _show(Session.of(context), project, pipeline, limit=limit, empty="no tests have been reported")


@app.command("flaky", cls=Command, epilog="cictl tests flaky\ncictl tests flaky --project shop -o json")
def flaky(context: typer.Context, project: Project = "", pipeline: Pipeline = "", limit: Limit = 100) -> None:
    """List tests that passed and failed on one commit within 14 days.

    One that has passed five times in a row since then is flaky no more.
    """
    _show(Session.of(context), project, pipeline, limit=limit, flaky=True, empty="no test is flaky")


@app.command("slow", cls=Command, epilog="cictl tests slow\ncictl tests slow --pipeline build --limit 10")
def slow(context: typer.Context, project: Project = "", pipeline: Pipeline = "", limit: Limit = 20) -> None:
    """List the tests that take longest on average."""
    _show(Session.of(context), project, pipeline, limit=limit, slowest=True, empty="no tests have been reported")


@app.command("show", cls=Command, epilog="cictl tests show tests.TestPot.test_warm")
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="TEST", help="The whole name, as lists show it with -o name.")],
    project: Project = "",
    pipeline: Pipeline = "",
) -> None:
    """Show how one test went so far, in each job that tries it."""
    session = Session.of(context)
    project, pipeline = find_place(session.client, project=project, pipeline=pipeline)
    found = session.client.list_tests(name=name, project=project, pipeline=pipeline)
    if not found.tests:
        raise not_found(f"test {name!r} not found", hint="`cictl tests list -o name` shows those that were reported")
    session.show(test_details(found.tests))


def _show(
    session: Session,
    project: str,
    pipeline: str,
    *,
    limit: int,
    empty: str,
    flaky: bool = False,
    slowest: bool = False,
) -> None:
    project, pipeline = find_place(session.client, project=project, pipeline=pipeline)
    found = session.client.list_tests(project=project, pipeline=pipeline, flaky=flaky, slowest=slowest, limit=limit)
    session.show(tests_over_time(found, empty=empty))
    if found.next_cursor:
        session.note_more(min(limit * 10, MOST))
