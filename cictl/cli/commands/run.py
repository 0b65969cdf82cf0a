"""`cictl run`, and what the runs of pipelines and chains share: enqueue, and perhaps wait for the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import typer

from cictl.base.text.sizes import size_text
from cictl.cli.app.commands import with_examples
from cictl.cli.app.failures import usage
from cictl.cli.app.session import Session
from cictl.cli.commands.options import (
    AgentOption,
    CancelOnInterrupt,
    DryRun,
    EnvFile,
    Follow,
    Inputs,
    Keep,
    Local,
    Matrix,
    MatrixIndex,
    Offline,
    Only,
    PriorityOption,
    Ref,
    Reload,
    SecretsFile,
    Timeout,
    Wait,
    WorktreeOption,
    inputs_in,
    needs,
)
from cictl.cli.jobs.wait import Follower, Waiting, attach_command
from cictl.cli.names import MAX_JOBS, find_agent, find_project, find_target
from cictl.cli.output.slow import reading_text, told_when_slow
from cictl.cli.output.table import Result
from cictl.cli.projects.choice import choose_here
from cictl.cli.short_ids import short_id
from cictl.cli.tables.jobs import jobs_result, summary_result
from cictl.wire.jobs import JobExecution
from cictl.wire.projects import OFFLINE_CACHED, RunRequest, RunResponse, SkippedJob
from cictl_client import Client

RUN_EXAMPLES = """
cictl run shop/build
cictl run shop/build/test --matrix linux --ref feature-1 --follow
cictl run shop/build --input level=full --wait
cictl run shop/build --reload --wait --timeout 600 -o json
cictl run shop/build --worktree --follow
cictl run --local
cictl run --local build/test --env-file .env
"""

_HELP = """Run a pipeline, one of its jobs, or a chain.

In a checkout that the server builds, it asks which one if none is named; where nobody can be asked, it tells the commands.

One job, or one matrix entry, takes the jobs along that it needs; --only leaves them out.

With --wait or --follow the exit code is the result: 0 succeeded, 3 failed, 4 cancelled, 8 timed out while the jobs go
on. Ctrl-C stops the waiting only, unless --cancel-on-interrupt is given.
"""


def run_verb(target: Any, *, text: str, chains: bool = True, pipelines: bool = True) -> Callable[..., None]:
    """Return the function of a command that runs what its argument names.

    `cictl run`, `cictl pipelines run` and `cictl chains run` take the same options, which are declared here once.

    Args:
        target: The `typer.Argument` that names what to run.
        text: The help of the command.
    """

    def run(
        context: typer.Context,
        target: str = target,
        local: Local = False,
        worktree: WorktreeOption = False,
        matrix: Matrix = "",
        matrix_index: MatrixIndex = None,
        only: Only = False,
        reload: Reload = False,
        dry_run: DryRun = False,
        ref: Ref = "",
        inputs: Inputs = None,
        agent: AgentOption = "",
        priority: PriorityOption = None,
        offline: Offline = False,
        wait: Wait = False,
        follow: Follow = False,
        timeout: Timeout = None,
        cancel_on_interrupt: CancelOnInterrupt = False,
        env_file: EnvFile = None,
        secrets_file: SecretsFile = None,
        keep: Keep = False,
    ) -> None:
        request = RunRequest(
            matrix_name=matrix,
            matrix_index=matrix_index,
            dry_run=dry_run,
            source_ref=ref,
            execution_mode=OFFLINE_CACHED if offline else "",
            needs=needs(only),
            inputs=inputs_in(inputs),
            priority=priority,
        )
        waiting = Waiting(wait=wait, follow=follow, timeout=timeout, cancel_on_interrupt=cancel_on_interrupt)
        session = Session.of(context)
        of_local = {"--env-file": env_file, "--secrets-file": secrets_file, "--keep": keep}
        of_server = {"--ref": ref, "--agent": agent, "--offline": offline, "--reload": reload}
        _refuse("with --local", {**of_server, "--worktree": worktree}) if local else _refuse(
            "without --local", of_local
        )
        if local:
            from cictl.cli.commands.here.local.run_local import LocalOptions, prepared

            options = LocalOptions(env_file=env_file, secrets_file=secrets_file, keep=keep)
            waiting = replace(waiting, follow=not wait, cancel_on_interrupt=True, is_alone=True)
            with prepared(session, target, only=only, options=options) as here:
                _start(here.session, here.target, request, waiting=waiting)
        session.refuse_if_readonly(f"run {target}".rstrip())
        target = target or choose_here(session)
        if worktree:
            _refuse("with --worktree", {"--ref": ref, "--offline": offline, "--reload": reload})
            request = _sent_along(session, target, request)
        if reload:
            _reload_project_of(session, target, chains=chains, pipelines=pipelines)
        _start(session, target, request, agent=agent, waiting=waiting, chains=chains, pipelines=pipelines)

    run.__doc__ = text
    return run


_TARGET = typer.Argument(
    "",
    metavar="[TARGET]",
    help="PROJECT/PIPELINE[/JOB], a unique name, or a database id; [PIPELINE[/JOB]] with --local; without it, asks.",
)

run = with_examples(f"cictl run{RUN_EXAMPLES}")(run_verb(_TARGET, text=_HELP))


def _start(
    session: Session,
    text: str,
    request: RunRequest,
    *,
    agent: str = "",
    waiting: Waiting,
    chains: bool = True,
    pipelines: bool = True,
) -> None:
    """Enqueue what *text* names; with a wait, end the command with the result's exit code."""
    target = find_target(session.client, text, chains=chains, pipelines=pipelines)
    pin = find_agent(session.client, agent).agent_id if agent else ""
    request = msgspec.structs.replace(request, pipeline_job_id=target.job, agent_id=pin)
    enqueue = session.client.run_chain if target.is_chain else session.client.run_pipeline
    asked = "" if request.execution_mode == OFFLINE_CACHED else f"the repository of {target.full_name}"
    with told_when_slow(session, reading_text(asked, limit="a minute or two")):
        answer = enqueue(target.definition.id, request)
    show_started(session, target.full_name, answer, waiting=waiting)


def show_started(session: Session, name: str, answer: RunResponse, *, waiting: Waiting) -> None:
    """Tell of the new run of what is called *name*; with a wait, end the command with the result's exit code."""
    session.note(_enqueued_text(name, answer))
    for warning in answer.warnings:
        session.note(f"note: {warning}")
    for skipped in answer.skipped:
        session.note(f"skipped {_skipped_name(skipped)}, because its condition is false: {skipped.condition}")
    run_id = str(answer.run_number or answer.pipeline_run_id)
    job_ids = [*answer.job_execution_ids, *(skipped.job_execution_id for skipped in answer.skipped)]
    if waiting.wanted:
        show = partial(_run_result, answer)
        raise typer.Exit(Follower(session, job_ids, waiting=waiting, run_id=run_id, result=show).run())
    jobs = _enqueued(session.client, answer)
    session.show(_run_result(answer, jobs))
    if jobs:
        session.suggest(attach_command(session, [short_id(job) for job in jobs], run_id))


def _sent_along(session: Session, text: str, request: RunRequest) -> RunRequest:
    """Send the working tree around the current directory to the project of *text*, and return the *request* that names it."""
    from cictl.cli.projects.place import find_repository
    from cictl.cli.projects.snapshot import take, write_bundle

    target = find_target(session.client, text)
    if target.is_chain:
        raise usage("a working tree is for one pipeline, not for a chain", hint="run its pipelines one by one")
    checkout = find_repository(Path.cwd())
    if checkout is None:
        raise usage("this is no checkout, so there is no working tree to send", hint="go into the repository")
    with TemporaryDirectory(prefix="cictl-worktree-") as directory:
        snapshot, bundle = take(checkout, Path(directory) / "source.git"), Path(directory) / "bundle"
        write_bundle(snapshot, bundle)
        session.note(f"sending the files of {checkout} as they are, {size_text(bundle.stat().st_size)}")
        with bundle.open("rb") as file:
            sent = session.client.upload_worktree(target.project.id, file)
    return msgspec.structs.replace(request, worktree=sent.worktree)


def _refuse(when: str, options: Mapping[str, object]) -> None:
    """Fail if one of *options* is given, by name, which means nothing *when* this is so."""
    for name, value in options.items():
        if value:
            raise usage(f"{name} means nothing {when}", hint="`cictl run --help`")


def _reload_project_of(session: Session, text: str, *, chains: bool, pipelines: bool) -> None:
    """Load the file of the project that *text* names; what is to be run may be new in it."""
    name, slash, _ = text.partition("/")
    if slash:
        project = find_project(session.client, name)
    else:
        project = find_target(session.client, text, chains=chains, pipelines=pipelines).project
    with told_when_slow(session, reading_text(f"the repository of {project.name}", limit="a minute or two")):
        session.client.reload_project(project.id)


def _enqueued_text(name: str, answer: RunResponse) -> str:
    """Return `run 41 of shop/build: 3 jobs`; a server without numbers gives the id of the run."""
    jobs = f"{answer.enqueued} {'job' if answer.enqueued == 1 else 'jobs'}"
    if answer.run_number:
        return f"run {answer.run_number} of {name}: {jobs}"
    run = f" as {answer.pipeline_run_id}" if answer.pipeline_run_id else ""
    return f"enqueued {jobs} of {name}{run}"


def _skipped_name(skipped: SkippedJob) -> str:
    return "/".join(filter(None, (skipped.pipeline_job_id, skipped.matrix_name)))


def _enqueued(client: Client, answer: RunResponse) -> list[JobExecution]:
    """Return the executions of the *answer*, in its order."""
    listed = client.list_jobs(max_jobs=MAX_JOBS, run=answer.pipeline_run_id).job_executions
    known = {job.id: job for job in listed}
    return [known.get(job_id) or client.get_job(job_id) for job_id in answer.job_execution_ids]


class StartedRun(RunResponse):
    """What a run shows: the server's answer, with the executions as they are at the end of the command."""

    job_executions: list[JobExecution] = msgspec.field(default_factory=list)


def _run_result(answer: RunResponse, jobs: Sequence[JobExecution]) -> Result[JobExecution]:
    shown = summary_result(jobs) if all(job.status.is_terminal for job in jobs) else jobs_result(list(jobs))
    return replace(
        shown,
        message=StartedRun(**msgspec.structs.asdict(answer), job_executions=list(shown.rows)),
        empty="nothing was enqueued",
    )
