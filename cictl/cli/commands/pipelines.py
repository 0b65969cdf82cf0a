"""`cictl pipelines`."""

from __future__ import annotations

from typing import Annotated

import typer

from cictl.cli.app.commands import Command, new_group
from cictl.cli.app.failures import not_found
from cictl.cli.app.session import Session
from cictl.cli.commands.run import RUN_EXAMPLES, AgentOption, DryRun, Matrix, MatrixIndex, Offline, Ref, TargetName, run
from cictl.cli.names import find_target, list_targets
from cictl.cli.pipelines.preview import preview, show_eligible_agents, show_source_refs
from cictl.cli.pipelines.version_steps import resolve
from cictl.cli.tables.runnables import pipeline_result, pipelines_result
from cictl.wire.projects import PreviewRequest, RunRequest

app = new_group("cictl pipelines list\ncictl pipelines preview shop/build\ncictl pipelines run shop/build --wait")

PipelineName = Annotated[
    str, typer.Argument(metavar="PIPELINE", help="PROJECT/PIPELINE, a unique name, or a database id.")
]


@app.command("list", cls=Command, epilog="cictl pipelines list\ncictl pipelines list --project shop -o name")
def list_pipelines(
    context: typer.Context,
    project: Annotated[str, typer.Option("--project", metavar="PROJECT", help="Only this project's.")] = "",
) -> None:
    """List the pipelines of all projects."""
    session = Session.of(context)
    targets = list_targets(session.client, chains=False, of_project=project)
    session.show(pipelines_result(targets))


@app.command("show", cls=Command, epilog="cictl pipelines show shop/build\ncictl pipelines show 7 -o yaml")
def show_pipeline(context: typer.Context, pipeline: PipelineName) -> None:
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


@app.command(
    "preview",
    cls=Command,
    epilog="cictl pipelines preview shop/build\ncictl pipelines preview shop/build/test --matrix linux --ref feature-1\n"
    "cictl pipelines preview shop/build --query 'pending_jobs[].eligible_agent_ids'",
)
def preview_pipeline(
    context: typer.Context,
    target: TargetName,
    matrix: Matrix = "",
    matrix_index: MatrixIndex = None,
    ref: Ref = "",
    agent: AgentOption = "",
    offline: Offline = False,
) -> None:
    """Show what a run would do, and what it lacks.

    Lists the jobs that a dry run would enqueue, with their steps, source, version, agents, and what is missing; nothing is
    started. The exit code tells what a run would meet: 0 it could go, 1 it would be refused, 11 no agent could
    take one of its jobs.
    """
    session = Session.of(context)
    request = PreviewRequest(matrix_name=matrix, matrix_index=matrix_index, source_ref=ref, offline_cached_only=offline)
    preview(session, find_target(session.client, target, chains=False), request, agent=agent)


@app.command(
    "source-refs",
    cls=Command,
    epilog="cictl pipelines source-refs shop/build\ncictl pipelines source-refs shop/build -o name",
)
def source_refs(context: typer.Context, pipeline: PipelineName) -> None:
    """List the branches that a pipeline could be run from."""
    session = Session.of(context)
    show_source_refs(session, find_target(session.client, pipeline, chains=False))


@app.command(
    "eligible-agents",
    cls=Command,
    epilog="cictl pipelines eligible-agents shop/build\ncictl pipelines eligible-agents shop/build/test -o name",
)
def eligible_agents(
    context: typer.Context,
    target: TargetName,
    matrix: Matrix = "",
    matrix_index: MatrixIndex = None,
    agent: AgentOption = "",
    dry_run: DryRun = False,
) -> None:
    """List the agents that could take every job of a run.

    Exit code 11 when no agent could.
    """
    session = Session.of(context)
    request = RunRequest(matrix_name=matrix, matrix_index=matrix_index, dry_run=dry_run)
    show_eligible_agents(session, find_target(session.client, target, chains=False), request, agent=agent)


@app.command(
    "version",
    cls=Command,
    epilog="cictl pipelines version shop/build\nVERSION=$(cictl pipelines version shop/build -o name)",
)
def version(context: typer.Context, pipeline: PipelineName) -> None:
    """Resolve the version that a run would have now.

    The steps come on stderr as they happen. A pipeline without versioning has no version, which is no error.
    """
    session = Session.of(context)
    resolve(session, find_target(session.client, pipeline, chains=False))
