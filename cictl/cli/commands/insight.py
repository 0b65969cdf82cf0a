"""`cictl insight`."""

from __future__ import annotations

from typing import Annotated

import typer

from cictl.cli.app.commands import Command, new_group
from cictl.cli.app.session import Session
from cictl.cli.jobs.filters import find_place
from cictl.cli.tables.insight import branches_result, load_result, pipelines_result
from cictl.wire.insight import Insight

app = new_group("cictl insight pipelines\ncictl insight branches --project shop\ncictl insight agents")

Project = Annotated[str, typer.Option("--project", metavar="PROJECT", help="Only this project's.")]
Pipeline = Annotated[str, typer.Option("--pipeline", metavar="PIPELINE", help="Only this pipeline's or chain's.")]


@app.command("pipelines", cls=Command, epilog="cictl insight pipelines\ncictl insight pipelines --project shop -o json")
def pipelines(context: typer.Context, project: Project = "", pipeline: Pipeline = "") -> None:
    """Show how often the newest runs of each pipeline succeeded, and how long they take.

    Of runs that were cancelled nothing is said but their number, with -o wide. JSON tells of all of `cictl insight`.
    """
    session = Session.of(context)
    session.show(pipelines_result(_look(session, project, pipeline)))


@app.command("branches", cls=Command, epilog="cictl insight branches\ncictl insight branches --pipeline build")
def branches(context: typer.Context, project: Project = "", pipeline: Pipeline = "") -> None:
    """Show how often the newest runs of each branch succeeded, and how long they take."""
    session = Session.of(context)
    session.show(branches_result(_look(session, project, pipeline)))


@app.command("agents", cls=Command, epilog="cictl insight agents\ncictl insight agents -o json --query 'load[].hours'")
def agents(context: typer.Context) -> None:
    """Show how much each agent worked in the last 24 hours; JSON tells it for each hour.

    Of an agent with several slots, busy means that all of them work.
    """
    session = Session.of(context)
    found = session.client.get_insight()
    session.show(load_result(found))
    if not (found.is_all_load or session.wants_data):
        session.note("there are more jobs; this tells of the newest 1,000")


def _look(session: Session, project: str, pipeline: str) -> Insight:
    project, pipeline = find_place(session.client, project=project, pipeline=pipeline, chains=True)
    found = session.client.get_insight(project=project, pipeline=pipeline)
    if not (found.is_all or session.wants_data):
        session.note("there are more runs; this tells of the newest 500")
    return found
