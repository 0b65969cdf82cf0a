"""`cictl run`, and what the runs of pipelines and chains share: enqueue, and perhaps wait for the end."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from cictl.cli.app.commands import with_examples
from cictl.cli.app.session import Session
from cictl.cli.jobs.wait import Follower, Waiting, attach_command
from cictl.cli.names import Target, find_agent, find_target
from cictl.cli.output.table import Column, Result
from cictl.wire.projects import OFFLINE_CACHED, RunRequest, RunResponse

RUN_EXAMPLES = """
cictl run shop/build
cictl run shop/build/test --matrix linux --ref feature-1 --follow
cictl run shop/build --wait --timeout 600 -o json
"""

TargetName = Annotated[
    str, typer.Argument(metavar="TARGET", help="PROJECT/PIPELINE[/JOB], a unique name, or a database id.")
]
Matrix = Annotated[str, typer.Option("--matrix", metavar="NAME", help="Only the matrix entry of this name.")]
MatrixIndex = Annotated[
    int | None, typer.Option("--matrix-index", metavar="N", min=0, help="Only this matrix entry, counted from 0.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Skip the steps that the project file marks for it.")]
Offline = Annotated[
    bool, typer.Option("--offline", help="Build the commit and version of an earlier run; the server asks no remote.")
]
Ref = Annotated[str, typer.Option("--ref", metavar="REF", help="Branch, tag or commit instead of the pipeline's own.")]
AgentOption = Annotated[str, typer.Option("--agent", metavar="AGENT", help="Run every job on this agent.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the end; the exit code is the result.")]
Follow = Annotated[bool, typer.Option("-f", "--follow", help="Wait, and show the logs as they grow.")]
Timeout = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", min=0, help="Stop waiting; exit code 8.")
]
CancelOnInterrupt = Annotated[
    bool, typer.Option("--cancel-on-interrupt", help="Let Ctrl-C cancel the jobs instead of leaving them.")
]


@with_examples(RUN_EXAMPLES)
def run(
    context: typer.Context,
    target: TargetName,
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
    """Run a pipeline, one of its jobs, or a chain.

    With --wait or --follow the exit code is the result: 0 succeeded, 3 failed, 4 cancelled, 8 timed out while the jobs go
    on. Ctrl-C stops the waiting only, unless --cancel-on-interrupt is given.
    """
    request = run_request(matrix=matrix, matrix_index=matrix_index, dry_run=dry_run, ref=ref, offline=offline)
    waiting = Waiting(wait=wait, follow=follow, timeout=timeout, cancel_on_interrupt=cancel_on_interrupt)
    start(Session.of(context), target, request, agent=agent, waiting=waiting)


def run_request(*, matrix: str, matrix_index: int | None, dry_run: bool, ref: str, offline: bool) -> RunRequest:
    """Return the request that the options of a run make."""
    return RunRequest(
        matrix_name=matrix,
        matrix_index=matrix_index,
        dry_run=dry_run,
        source_ref=ref,
        execution_mode=OFFLINE_CACHED if offline else "",
    )


def start(
    session: Session,
    text: str,
    request: RunRequest,
    *,
    agent: str,
    waiting: Waiting,
    chains: bool = True,
    pipelines: bool = True,
) -> None:
    """Enqueue what *text* names; with a wait, end the command with the result's exit code."""
    session.refuse_if_readonly(f"run {text}")
    target = find_target(session.client, text, chains=chains, pipelines=pipelines)
    pin = find_agent(session.client, agent).agent_id if agent else ""
    request = msgspec.structs.replace(request, pipeline_job_id=target.job, agent_id=pin)
    enqueue = session.client.run_chain if target.is_chain else session.client.run_pipeline
    answer = enqueue(target.definition.id, request)
    session.note(_enqueued_text(target, answer))
    if not waiting.wanted:
        session.show(_run_result(answer))
        session.note(f"follow with: {attach_command(session, answer.job_execution_ids, answer.pipeline_run_id)}")
        return
    follower = Follower(session, answer.job_execution_ids, waiting=waiting, run_id=answer.pipeline_run_id)
    raise typer.Exit(follower.run())


def _enqueued_text(target: Target, answer: RunResponse) -> str:
    noun = "job" if answer.enqueued == 1 else "jobs"
    run = f" as {answer.pipeline_run_id}" if answer.pipeline_run_id else ""
    return f"enqueued {answer.enqueued} {noun} of {target.full_name}{run}"


def _run_result(answer: RunResponse) -> Result[str]:
    pipeline = f"{answer.project_name}/{answer.pipeline_id}"
    return Result(
        message=answer,
        rows=answer.job_execution_ids,
        columns=(
            Column("ID", lambda job_id: job_id),
            Column("PIPELINE", lambda _: pipeline),
            Column("RUN", lambda _: answer.pipeline_run_id),
        ),
        name=lambda job_id: job_id,
        empty="nothing was enqueued",
    )
