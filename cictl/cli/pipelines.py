"""`cictl pipelines`."""

from __future__ import annotations

from typing import Annotated

import typer

from cictl.cli.commands import Command, new_group
from cictl.cli.failures import not_found
from cictl.cli.run import RUN_EXAMPLES, run
from cictl.cli.selecting import find_project, find_target, list_targets
from cictl.cli.session import Session
from cictl.cli.views import pipeline_result, pipelines_result

app = new_group("cictl pipelines list\ncictl pipelines show shop/build\ncictl pipelines run shop/build --wait")


@app.command("list", cls=Command, epilog="cictl pipelines list\ncictl pipelines list --project shop -o name")
def list_pipelines(
    context: typer.Context,
    project: Annotated[str, typer.Option("--project", metavar="PROJECT", help="Only this project's.")] = "",
) -> None:
    """List the pipelines of all projects."""
    session = Session.of(context)
    targets = list_targets(session.client, chains=False)
    if project:
        wanted = find_project(session.client, project).id
        targets = [target for target in targets if target.project.id == wanted]
    session.show(pipelines_result(targets))


@app.command("show", cls=Command, epilog="cictl pipelines show shop/build\ncictl pipelines show 7 -o yaml")
def show_pipeline(
    context: typer.Context,
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="PROJECT/PIPELINE, a unique name, or an id.")],
) -> None:
    """Show one pipeline with its jobs and steps."""
    session = Session.of(context)
    target = find_target(session.client, pipeline, chains=False)
    project = session.client.get_project(target.project.id)
    for detail in project.pipelines:
        if detail.pipeline_id == target.name:
            session.show(pipeline_result(project.name, detail))
            return
    raise not_found(f"pipeline {target.full_name} is gone", hint="`cictl pipelines list` shows what there is")


app.command(
    "run",
    cls=Command,
    epilog=RUN_EXAMPLES.replace("cictl run", "cictl pipelines run"),
    help="Run a pipeline, or one of its jobs.\n\nThe same as `cictl run`, for where a chain has the same name.",
)(run)
