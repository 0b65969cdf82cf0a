"""`cictl jobs`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated

import msgspec
import typer

from cictl.base.job_parts import HIGHEST_PRIORITY, LEAST_PRIORITY
from cictl.cli.app.commands import Command, DestructiveCommand, new_group
from cictl.cli.app.confirmation import confirm_work
from cictl.cli.app.failures import usage
from cictl.cli.app.instants import instant_of, since_instant
from cictl.cli.app.session import Session
from cictl.cli.app.words import STATUSES
from cictl.cli.commands import job_results
from cictl.cli.commands.options import CancelOnInterrupt, Follow, JobId, JobIds, RunOption, Timeout, Wait, statuses_in
from cictl.cli.job_names import find_job_id, find_job_ids, find_jobs_of_run
from cictl.cli.jobs.filters import find_filters
from cictl.cli.jobs.several import Several
from cictl.cli.jobs.wait import Follower, Waiting, attach_command
from cictl.cli.jobs.waiting import tell_why_they_wait
from cictl.cli.names import MAX_JOBS
from cictl.cli.outcome import outcome
from cictl.cli.output.table import Result
from cictl.cli.projects.newest import newest_failure_here
from cictl.cli.short_ids import LAST, newest_of_each, run_ids, short_id
from cictl.cli.tables.jobs import enqueued_result, job_result, jobs_result, summary_result
from cictl.wire.jobs import JobExecution, LoggedStep
from cictl_client import Client

app = new_group(
    "cictl jobs list --status failed\ncictl jobs logs -f 41/test\ncictl jobs explain 41/test\ncictl jobs watch --run 41"
)


@app.command(
    "list",
    cls=Command,
    epilog="cictl jobs list\ncictl jobs list --status failed --project shop -o json\n"
    "cictl jobs list --watch --project shop\ncictl jobs list --query 'job_executions[].id' -o name",
)
def list_jobs(
    context: typer.Context,
    status: Annotated[
        list[str] | None,
        typer.Option("--status", metavar="STATUS", help=f"Only these; may be repeated. {', '.join(STATUSES)}."),
    ] = None,
    project: Annotated[str, typer.Option("--project", metavar="PROJECT", help="Only this project's.")] = "",
    pipeline: Annotated[str, typer.Option("--pipeline", metavar="PIPELINE", help="Only this pipeline's.")] = "",
    agent: Annotated[str, typer.Option("--agent", metavar="AGENT", help="Only those that this agent has or had.")] = "",
    run: RunOption = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=MAX_JOBS, help="How many.")] = 50,
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Go on showing how they change, until Ctrl-C.")] = False,
) -> None:
    """List the newest jobs.

    A cancelled job has failed, so that `--status failed` lists it too.

    In a pipe, --watch writes a line whenever a job is new or has changed, with `-o json` one object a line.
    """
    session = Session.of(context)
    statuses = statuses_in(status, known=STATUSES)
    filters = find_filters(session.client, project=project, pipeline=pipeline, agent=agent, run=run)
    look = partial(session.client.list_jobs, max_jobs=limit, status=statuses, split_runs=True, **filters)
    if watch:
        from cictl.cli.output.watch import watch as go_on

        raise typer.Exit(go_on(session, lambda: jobs_result(look().job_executions), quiet=("CREATED", "TIME")))
    found = look()
    session.show(jobs_result(found.job_executions, next_cursor=found.next_cursor))
    if found.next_cursor:
        session.note_more(min(limit * 10, MAX_JOBS))
    if session.suggests and session.output != "wide":
        tell_why_they_wait(session, found.job_executions)


@app.command(
    "show",
    cls=Command,
    epilog="cictl jobs show 41/test\ncictl jobs show shop/build/test@last --query job_execution.error",
)
def show_job(context: typer.Context, job: JobId) -> None:
    """Show one job: its state, what it waits for, its steps."""
    session = Session.of(context)
    found = session.client.get_job(find_job_id(session.client, job))
    begun = [] if session.wants_data else _begun_steps(session.client, found)
    session.show(job_result(found, begun=begun))


@app.command(
    "logs",
    cls=Command,
    epilog="cictl jobs logs --failed\ncictl jobs logs -f 41/test\ncictl jobs logs 41/test --tail 50\n"
    "cictl jobs logs 41/test --step 'make test'\ncictl jobs logs --run 41 --failed\n"
    "cictl jobs logs 41/test --grep 'warning|error' --timestamps\ncictl jobs logs 41/test --raw > build.log",
)
def show_log(
    context: typer.Context,
    job: Annotated[
        str, typer.Argument(metavar="[JOB]", help="Such as 41/test, @last/test, shop/build/test@last, or a long id.")
    ] = "",
    run: RunOption = "",
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until the job is over.")] = False,
    tail: Annotated[int | None, typer.Option("--tail", metavar="N", min=0, help="Only the last N lines.")] = None,
    since: Annotated[
        str, typer.Option("--since", metavar="WHEN", help="Only what came since then: 15m, 2h, or an ISO 8601 time.")
    ] = "",
    step: Annotated[
        str,
        typer.Option(
            "--step",
            metavar="STEP",
            help="Only this step's part: its number, or how its command or its test's name begins.",
        ),
    ] = "",
    failed: Annotated[
        bool, typer.Option("--failed", help="Where the failed step tells of errors, of jobs that failed.")
    ] = False,
    grep: Annotated[str, typer.Option("--grep", metavar="REGEX", help="Only lines in which this is found.")] = "",
    timestamps: Annotated[bool, typer.Option("-t", "--timestamps", help="Put the time before each line.")] = False,
    offset: Annotated[int, typer.Option("--offset", metavar="BYTES", min=0, help="Begin at this byte.")] = 0,
    raw: Annotated[bool, typer.Option("--raw", help="Leave terminal control sequences in.")] = False,
) -> None:
    """Show a job's log, or a part of it. Without a JOB: of the newest failure of the project that this checkout belongs to.

    Parts narrow one another: `--step build --tail 20` is the end of that step, and --grep looks at what is left. Times are those at which the server got a line, to a second.

    --failed shows at most 60 lines: those around the errors of the step that failed, and its end; it says how many it left out. With
    --grep, --tail or --since it looks at the whole step.

    With -o json each line is an object with `job_id`, `time_utc` and `text`: in one document, or one a line with --follow.

    With --follow the exit code is the job's result: 0 succeeded, 3 failed, 4 cancelled; of a --step it is 0 once the next one begins. A broken connection is taken up where it broke off. Without --follow, --grep ends with 1 when it found nothing.
    """
    from cictl.cli.logs import view as logs

    session = Session.of(context)
    wanted = logs.LogOptions(
        offset=offset,
        tail=tail,
        since=instant_of(since, now=session.now()) if since else None,
        step=step,
        failed=failed,
        pattern=logs.pattern(grep) if grep else None,
        timestamps=timestamps,
        raw=raw,
    )
    wanted.check(follow=follow, of_run=bool(run))
    if (job and run) or (follow and not (job or run)):
        raise usage("name a job, or --run RUN", hint="`cictl jobs list` shows ids and runs")
    wanted = replace(wanted, since=since_instant(session, since))
    if run and follow:
        ids = [found.id for found in find_jobs_of_run(session.client, run)]
        raise typer.Exit(Follower(session, ids, waiting=Waiting(follow=True), run_id=run).run())
    if run:
        logs.show_logs(session, find_jobs_of_run(session.client, run), wanted)
        return
    job_id = find_job_id(session.client, job) if job else newest_failure_here(session)
    if follow:
        raise typer.Exit(logs.follow_log(session, job_id, wanted))
    logs.show_log(session, job_id, wanted)


@app.command(
    "cancel",
    cls=DestructiveCommand,
    epilog="cictl jobs cancel 41/test\ncictl jobs cancel 41 42/lint\n"
    "cictl jobs list --status queued -o name | cictl jobs cancel -",
)
def cancel_jobs(context: typer.Context, jobs: JobIds) -> None:
    """Cancel jobs; one that is over stays as it is.

    A run's number stands for all of its jobs. Of several jobs the exit code is that of the worst failure. On the server of a
    protected context it asks.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"cancel {' '.join(jobs)}")
    confirm_work(session, f"cancel {' '.join(jobs)}?", is_lost=False)
    several = Several(session, jobs)
    done = []
    for job_id in several.find(find_job_ids):
        if (answer := several.attempt(partial(_cancel, session.client, job_id))) is not None:
            job, text = answer
            session.note(f"{short_id(job)}: {text}")
            done.append(job)
    _end(session, several, done)


@app.command(
    "prioritize",
    cls=Command,
    epilog="cictl jobs prioritize 41/test 50\ncictl jobs prioritize 41/test -- -10",
)
def prioritize_job(
    context: typer.Context,
    job: JobId,
    priority: Annotated[
        int,
        typer.Argument(
            metavar="N", min=LEAST_PRIORITY, max=HIGHEST_PRIORITY, help="-100 to 100; jobs have 0 by default."
        ),
    ],
) -> None:
    """Let a job that waits go before those of a lower priority.

    Of the same priority, the oldest goes first. A job that an agent has already is left alone: exit code 7.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"prioritize {job}")
    changed = session.client.prioritize_job(find_job_id(session.client, job), priority)
    session.show_done(jobs_result([changed]), f"{short_id(changed)}: priority {priority}")


@app.command(
    "rerun",
    cls=Command,
    epilog="cictl jobs rerun 41/test\ncictl jobs rerun @last/test --follow\n"
    "cictl jobs rerun 41/test 41/lint --wait --timeout 600 -o json",
)
def rerun_jobs(
    context: typer.Context,
    jobs: JobIds,
    wait: Wait = False,
    follow: Follow = False,
    timeout: Timeout = None,
    cancel_on_interrupt: CancelOnInterrupt = False,
) -> None:
    """Enqueue jobs once more, each as a new job of its run.

    With --wait or --follow the exit code is the new jobs' result: 0 succeeded, 3 failed, 4 cancelled, 8 timed out while they
    go on. Jobs that ended because one of these failed are enqueued again too, and wait for the new one. Of several jobs the exit
    code is that of the worst failure.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"rerun {' '.join(jobs)}")
    several = Several(session, jobs)
    again = []
    for job_id in several.find():
        if (enqueued := several.attempt(partial(session.client.rerun_job, job_id))) is not None:
            job = enqueued.job_execution
            session.note(f"enqueued {short_id(job)}" + ("" if job.facts.run_number else f", a rerun of {job_id}"))
            if enqueued.dependants:
                names = [short_id(session.client.get_job(other)) for other in enqueued.dependants]
                session.note(f"what its failure had ended runs after it: {', '.join(names)}")
            again.append(job)
    waiting = Waiting(wait=wait, follow=follow, timeout=timeout, cancel_on_interrupt=cancel_on_interrupt)
    if again and waiting.wanted:
        show = _rerun_result if several.is_single else summary_result
        code = Follower(session, [job.id for job in again], waiting=waiting, result=show).run()
        raise typer.Exit(max(code, several.code))
    if again:
        session.suggest(attach_command(session, [short_id(job) for job in again], ""))
    _end(session, several, again, shows=True)


@app.command(
    "delete",
    cls=DestructiveCommand,
    epilog="cictl jobs delete 41/test\ncictl jobs delete 41/test 41/lint --yes",
)
def delete_jobs(context: typer.Context, jobs: JobIds) -> None:
    """Delete jobs that have not started; jobs that need them end too.

    Says which jobs end with them, asks on a terminal, and needs --yes elsewhere. A job that has started can be cancelled. Of
    several jobs the exit code is that of the worst failure.
    """
    from cictl.cli.jobs import remove as removing

    raise typer.Exit(removing.delete_jobs(Session.of(context), jobs))


@app.command("clear-queue", cls=DestructiveCommand, epilog="cictl jobs clear-queue\ncictl jobs clear-queue --yes")
def clear_queue(context: typer.Context) -> None:
    """Delete all jobs that are queued or leased.

    Says how many those are, asks on a terminal, and needs --yes elsewhere. What runs goes on.
    """
    from cictl.cli.jobs import remove as removing

    removing.clear_queue(Session.of(context))


@app.command("flush-history", cls=DestructiveCommand, epilog="cictl jobs flush-history\ncictl jobs flush-history --yes")
def flush_history(context: typer.Context) -> None:
    """Delete all jobs that are over, logs included.

    Artifacts and test reports go with them. Says how many those are, asks on a terminal, and needs --yes elsewhere. Jobs of a run that still waits for something stay.
    """
    from cictl.cli.jobs import remove as removing

    removing.flush_history(Session.of(context))


# The help lists commands in the order in which they were added: these come before the last two.
app.registered_commands += job_results.app.registered_commands


@app.command(
    "explain",
    cls=Command,
    epilog="cictl jobs explain 41/test\ncictl jobs explain 41/test -o json\n"
    "cictl jobs explain 41/test --query 'fixes[].command' -o name",
)
def explain_job(context: typer.Context, job: JobId) -> None:
    """Tell why a job waits, and what would help.

    Lists the agents, the nearest first, with what each one lacks. Of a job that does not wait it tells how it stands or how it ended.
    """
    from cictl.cli.jobs.explain import explain, explanation_result

    session = Session.of(context)
    found = explain(session.client, find_job_id(session.client, job))
    name = found.job_execution_id if session.wants_data else short_id(session.client.get_job(found.job_execution_id))
    session.show(explanation_result(found, name=name, options=session.server_options))


@app.command(
    "watch",
    cls=Command,
    epilog="cictl jobs watch\ncictl jobs watch 41\ncictl jobs watch 41/test 42/lint\n"
    "cictl jobs watch --run shop/build@last --timeout 600",
)
def watch(
    context: typer.Context,
    jobs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[JOB]...", help="Such as 41/test, or 41 for a whole run; without any, the newest run."),
    ] = None,
    run: RunOption = "",
    timeout: Timeout = None,
    cancel_on_interrupt: CancelOnInterrupt = False,
) -> None:
    """Follow the states of jobs until all are over.

    Of a run it follows the newest execution of each job. The exit code is the result: 0 all succeeded, 3 one failed, 4 cancelled,
    8 timed out.
    """
    session = Session.of(context)
    if jobs and run:
        raise usage("name jobs, or --run RUN", hint="`cictl jobs list` shows ids and runs")
    waiting = Waiting(timeout=timeout, cancel_on_interrupt=cancel_on_interrupt)
    if jobs:
        ids = [job_id for job in jobs for job_id in find_job_ids(session.client, job)]
        raise typer.Exit(Follower(session, list(dict.fromkeys(ids)), waiting=waiting).run())
    found = newest_of_each(find_jobs_of_run(session.client, run or LAST))
    run_id = next(iter(run_ids(found[0])), "")
    raise typer.Exit(Follower(session, [job.id for job in found], waiting=waiting, run_id=run_id).run())


def _begun_steps(client: Client, job: JobExecution) -> list[LoggedStep]:
    """Return the steps that have begun; none from a server that does not keep their times."""
    from cictl_client import NotFound

    try:
        return client.list_steps(job.id) if job.started_utc else []
    except NotFound:
        return []


def _end(session: Session, several: Several, jobs: Sequence[JobExecution], *, shows: bool = False) -> None:
    """End a command that changed *jobs*: show them if data was asked for, or anyway, and exit with the worst code."""
    if shows or session.wants_data:
        session.show(enqueued_result(jobs[0]) if several.is_single and jobs else jobs_result(list(jobs)))
    raise typer.Exit(several.code)


def _rerun_result(jobs: Sequence[JobExecution]) -> Result[JobExecution]:
    """Return the one new job of a rerun, as it is shown without a wait too."""
    return enqueued_result(msgspec.structs.replace(jobs[0], output=""))


def _cancel(client: Client, job_id: str) -> tuple[JobExecution, str]:
    """Cancel the job, and return it with what to say: cancelled, or how it had ended before."""
    from cictl_client import Conflict

    try:
        return client.cancel_job(job_id), "cancelled"
    except Conflict:
        job = client.get_job(job_id)
        if not job.status.is_terminal:
            raise
        return job, f"already {outcome(job)}"
