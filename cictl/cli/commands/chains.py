"""`cictl chains`."""

from __future__ import annotations

from typing import Annotated

import typer

from cictl.cli.app.commands import Command, new_group
from cictl.cli.app.session import Session
from cictl.cli.commands.run import (
    AgentOption,
    CancelOnInterrupt,
    DryRun,
    Follow,
    Matrix,
    MatrixIndex,
    Offline,
    Ref,
    Timeout,
    Wait,
    run_request,
    start,
)
from cictl.cli.jobs.wait import Waiting
from cictl.cli.names import Target, find_target, list_targets
from cictl.cli.pipelines.preview import preview, show_eligible_agents, show_source_refs
from cictl.cli.tables.runnables import chain_result, chains_result
from cictl.wire.projects import ChainSummary, PreviewRequest, RunRequest

app = new_group("cictl chains list\ncictl chains preview shop/release\ncictl chains run shop/release --wait")

ChainName = Annotated[str, typer.Argument(metavar="CHAIN", help="PROJECT/CHAIN, a unique name, or a database id.")]


@app.command("list", cls=Command, epilog="cictl chains list\ncictl chains list --project shop -o name")
def list_chains(
    context: typer.Context,
    project: Annotated[str, typer.Option("--project", metavar="PROJECT", help="Only this project's.")] = "",
) -> None:
    """List the pipeline chains of all projects."""
    session = Session.of(context)
    targets = list_targets(session.client, pipelines=False, of_project=project)
    session.show(chains_result(targets))


@app.command("show", cls=Command, epilog="cictl chains show shop/release\ncictl chains show 2 -o yaml")
def show_chain(context: typer.Context, chain: ChainName) -> None:
    """Show one chain with its pipelines, in their order."""
    session = Session.of(context)
    target = _find(session, chain)
    assert isinstance(target.definition, ChainSummary)
    project = session.client.get_project(target.project.id)
    session.show(chain_result(project.name, target.definition, project.pipelines))


@app.command(
    "run",
    cls=Command,
    epilog="cictl chains run shop/release --wait\ncictl chains run shop/release --dry-run --ref feature-1 --follow",
)
def run_chain(
    context: typer.Context,
    chain: ChainName,
    matrix: Matrix = "",
    matrix_index: MatrixIndex = None,
    dry_run: DryRun = False,
    ref: Ref = "",
    agent: AgentOption = "",
    offline: Offline = False,
    wait: Wait = False,
    follow: Follow = False,
    timeout: Timeout = None,
    cancel_on_interrupt: CancelOnInterrupt = False,
) -> None:
    """Run the pipelines of a chain in the order of their dependencies.

    With --wait a terminal shows the pipelines and jobs as they go, a pipe one line a change. The exit code of a wait is the
    result: 0 succeeded, 3 failed, 4 cancelled, 8 timed out while the jobs go on.
    """
    request = run_request(matrix=matrix, matrix_index=matrix_index, dry_run=dry_run, ref=ref, offline=offline)
    waiting = Waiting(wait=wait, follow=follow, timeout=timeout, cancel_on_interrupt=cancel_on_interrupt)
    start(Session.of(context), chain, request, agent=agent, waiting=waiting, pipelines=False)


@app.command(
    "preview",
    cls=Command,
    epilog="cictl chains preview shop/release\ncictl chains preview shop/release --ref feature-1 -o json",
)
def preview_chain(
    context: typer.Context,
    chain: ChainName,
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
    preview(session, _find(session, chain), request, agent=agent)


@app.command(
    "source-refs",
    cls=Command,
    epilog="cictl chains source-refs shop/release\ncictl chains source-refs shop/release -o name",
)
def source_refs(context: typer.Context, chain: ChainName) -> None:
    """List the branches that a chain could be run from: those of its first pipeline."""
    session = Session.of(context)
    show_source_refs(session, _find(session, chain))


@app.command(
    "eligible-agents",
    cls=Command,
    epilog="cictl chains eligible-agents shop/release\ncictl chains eligible-agents shop/release -o name",
)
def eligible_agents(
    context: typer.Context,
    chain: ChainName,
    matrix: Matrix = "",
    matrix_index: MatrixIndex = None,
    agent: AgentOption = "",
    dry_run: DryRun = False,
) -> None:
    """List the agents that could take every job of a chain's run.

    Exit code 11 when no agent could; the jobs may still fit on several, which `preview` shows.
    """
    session = Session.of(context)
    request = RunRequest(matrix_name=matrix, matrix_index=matrix_index, dry_run=dry_run)
    show_eligible_agents(session, _find(session, chain), request, agent=agent)


def _find(session: Session, text: str) -> Target:
    return find_target(session.client, text, pipelines=False)
