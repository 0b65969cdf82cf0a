"""`cictl runs`."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from cictl.cli.app.commands import Command, DestructiveCommand, new_group
from cictl.cli.app.confirmation import confirm_work
from cictl.cli.app.instants import since_instant
from cictl.cli.app.session import Session
from cictl.cli.app.words import RUN_STATUSES
from cictl.cli.commands.options import CancelOnInterrupt, Follow, Timeout, Wait, statuses_in
from cictl.cli.job_names import find_run, find_run_and_job
from cictl.cli.jobs.filters import find_place
from cictl.cli.jobs.wait import Follower, Waiting
from cictl.cli.output.table import Result
from cictl.cli.projects.newest import newest_run_here
from cictl.cli.short_ids import LAST
from cictl.cli.tables.runs import run_result, runs_result, summary_result
from cictl.wire.runs import RunStatus
from cictl_client import Client

app = new_group(
    "cictl runs list --branch main --status failed\ncictl runs show 41\ncictl runs watch @last\n"
    "cictl runs rerun 41 --failed\ncictl runs approve 41/ship\ncictl runs cancel 41\ncictl runs pin 41"
)

RunName = Annotated[str, typer.Argument(metavar="RUN", help="Such as 41, @last, shop/build@last, or a long id.")]
RunOrNewest = Annotated[
    str, typer.Argument(metavar="[RUN]", help="Such as 41; without it, the newest run of this checkout.")
]
Approvable = Annotated[
    str, typer.Argument(metavar="RUN[/JOB]", help="Such as 41/ship, 41/ship/green for one row, @last/ship, or 41.")
]
MOST = 500

_NEXT = {
    RunStatus.QUEUED: "watch",
    RunStatus.RUNNING: "watch",
    RunStatus.WAITING_APPROVAL: "approve",
    RunStatus.FAILED: "summary",
}
"""What is likely to be done next with a run, by its status."""


@app.command(
    "list",
    cls=Command,
    epilog="cictl runs list\ncictl runs list --project shop --branch main --status failed\n"
    "cictl runs list --since 7d -o json\ncictl runs list --status active --watch",
)
def list_runs(
    context: typer.Context,
    status: Annotated[
        list[str] | None,
        typer.Option("--status", metavar="STATUS", help=f"Only these; may be repeated. {', '.join(RUN_STATUSES)}."),
    ] = None,
    project: Annotated[str, typer.Option("--project", metavar="PROJECT", help="Only this project's.")] = "",
    pipeline: Annotated[
        str, typer.Option("--pipeline", metavar="PIPELINE", help="Only those of this pipeline or chain.")
    ] = "",
    branch: Annotated[str, typer.Option("--branch", metavar="BRANCH", help="Only those that built this branch.")] = "",
    since: Annotated[
        str, typer.Option("--since", metavar="WHEN", help="Nothing earlier: 15m, 7d, or an ISO 8601 time.")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=MOST, help="How many.")] = 50,
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Go on showing how they change, until Ctrl-C.")] = False,
) -> None:
    """List the newest runs.

    In a pipe, --watch writes a line whenever a run is new or has changed, with `-o json` one object a line.
    """
    session = Session.of(context)
    statuses, begin = statuses_in(status, known=RUN_STATUSES), since_instant(session, since)
    project, pipeline = find_place(session.client, project=project, pipeline=pipeline, chains=True)
    look = partial(
        session.client.list_runs,
        status=statuses,
        branch=branch,
        since=begin,
        limit=limit,
        project=project,
        pipeline=pipeline,
    )
    if watch:
        from cictl.cli.output.watch import watch as go_on

        raise typer.Exit(go_on(session, lambda: runs_result(look().runs), quiet=("CREATED", "TIME")))
    found = look()
    session.show(runs_result(found.runs, next_cursor=found.next_cursor))
    if found.next_cursor:
        session.note_more(min(limit * 10, MOST))


@app.command("show", cls=Command, epilog="cictl runs show 41\ncictl runs show shop/build@last --query status")
def show(context: typer.Context, run: RunOrNewest = "") -> None:
    """Show one run: what it built, how its jobs stand. Without a RUN: the newest of the project that this checkout belongs to."""
    session = Session.of(context)
    named = _named(session.client, run) if run else newest_run_here(session)
    found = session.client.get_run(named)
    session.show(run_result(found))
    if verb := _NEXT.get(found.status):
        session.suggest(f"cictl runs {verb} {found.number}{session.server_options}")


@app.command(
    "summary",
    cls=Command,
    epilog="cictl runs summary 41\ncictl runs summary @last --max-bytes 4000 -o json",
)
def summarize(
    context: typer.Context,
    run: RunOrNewest = "",
    max_bytes: Annotated[
        int, typer.Option("--max-bytes", metavar="N", min=2000, max=200_000, help="How long its JSON may be.")
    ] = 4000,
) -> None:
    """Show why a run failed, in few bytes: jobs with the ends of their logs, tests, what ran since the last success.

    Without a RUN: the newest of the project that this checkout belongs to.
    """
    session = Session.of(context)
    named = _named(session.client, run) if run else newest_run_here(session)
    found = session.client.summarize_run(named, max_bytes=max_bytes)
    session.show(summary_result(found))


@app.command(
    "watch",
    cls=Command,
    epilog="cictl runs watch\ncictl runs watch 41 --follow\ncictl runs watch shop/build@last --timeout 600",
)
def watch_run(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="Such as 41; without it, the newest run.")] = LAST,
    follow: Follow = False,
    timeout: Timeout = None,
    cancel_on_interrupt: CancelOnInterrupt = False,
) -> None:
    """Follow a run until all its jobs are over.

    The newest execution of each job counts. The exit code is the result: 0 succeeded, 3 failed, 4 cancelled, 8 timed out.
    """
    session = Session.of(context)
    found = session.client.get_run(_named(session.client, run))
    waiting = Waiting(follow=follow, timeout=timeout, cancel_on_interrupt=cancel_on_interrupt)
    jobs = [job.id for job in found.jobs]
    raise typer.Exit(Follower(session, jobs, waiting=waiting, run_id=str(found.number)).run())


@app.command(
    "approve", cls=Command, epilog="cictl runs approve 41/ship --reason 'tests look good'\ncictl runs approve 41"
)
def approve(
    context: typer.Context,
    run: Approvable,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for those who look later.")] = "",
) -> None:
    """Let a job begin that waits for an approval, or a run that waits as a whole.

    Of a matrix all rows that wait, unless one is named. `cictl jobs explain` tells who may approve a job.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"approve {run}")
    number, job = find_run_and_job(session.client, run)
    answer = session.client.approve_run(number, job=job, reason=reason)
    session.show_done(run_result(answer), f"{run}: approved")


@app.command(
    "reject",
    cls=Command,
    epilog="cictl runs reject 41/ship --reason 'not on a Friday'\ncictl runs reject 41 --reason spam",
)
def reject(
    context: typer.Context,
    run: Approvable,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; the error of the job says it.")],
) -> None:
    """End what waits for an approval as failed, and what needs it too.

    A rerun of the job asks again.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"reject {run}")
    number, job = find_run_and_job(session.client, run)
    answer = session.client.reject_run(number, job=job, reason=reason)
    session.show_done(run_result(answer), f"{run}: rejected")


@app.command("cancel", cls=DestructiveCommand, epilog="cictl runs cancel 41\ncictl runs cancel shop/build@last")
def cancel(context: typer.Context, run: RunName) -> None:
    """Cancel all jobs of a run that are not over, at once.

    On the server of a protected context it asks.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"cancel {run}")
    confirm_work(session, f"cancel {run}?", is_lost=False)
    cancelled = session.client.cancel_run(_named(session.client, run))
    session.show_done(run_result(cancelled), f"run {cancelled.number}: cancelled")


@app.command(
    "rerun",
    cls=Command,
    epilog="cictl runs rerun 41 --failed\ncictl runs rerun @last --failed --wait\ncictl runs rerun 41 --follow",
)
def rerun(
    context: typer.Context,
    run: RunName,
    failed: Annotated[bool, typer.Option("--failed", help="Only the jobs that did not succeed.")] = False,
    wait: Wait = False,
    follow: Follow = False,
    timeout: Timeout = None,
    cancel_on_interrupt: CancelOnInterrupt = False,
) -> None:
    """Enqueue the jobs of a run again, each as a new job of the same run.

    With --failed those that failed, were cancelled, or ended because of what they needed; without it all of them, once the run is
    over. What needs others waits for them as before. With --wait or --follow the exit code is the new jobs' result.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"rerun {run}")
    answer = session.client.rerun_run(_named(session.client, run), only_failed=failed)
    number, ids = str(answer.number), answer.job_execution_ids
    session.note(f"enqueued {len(ids)} job{'' if len(ids) == 1 else 's'} of run {number}")
    waiting = Waiting(wait=wait, follow=follow, timeout=timeout, cancel_on_interrupt=cancel_on_interrupt)
    if waiting.wanted:
        raise typer.Exit(Follower(session, ids, waiting=waiting, run_id=number).run())
    session.show(run_result(answer))
    session.suggest(f"cictl runs watch {number}{session.server_options}")


@app.command("pin", cls=Command, epilog="cictl runs pin 41\ncictl runs pin shop/release@last")
def pin(context: typer.Context, run: RunName) -> None:
    """Keep a run whatever its age, with its logs and artifacts."""
    _set(Session.of(context), run, pinned=True)


@app.command("unpin", cls=Command, epilog="cictl runs unpin 41")
def unpin(context: typer.Context, run: RunName) -> None:
    """Let a run go when its time has come: see `cictl retention show`."""
    _set(Session.of(context), run, pinned=False)


def _set(session: Session, run: str, *, pinned: bool) -> None:
    session.refuse_if_readonly(f"{'pin' if pinned else 'unpin'} {run}")
    name = _named(session.client, run)
    answer = session.client.pin_run(name, pinned=pinned)
    result = Result(message=answer, rows=[answer], columns=(), name=lambda a: a.run)
    session.show_done(result, f"run {name}: {'pinned' if pinned else 'no longer pinned'}")


def _named(client: Client, run: str) -> str:
    """Return the number or id of the run that *run* means; a number is the server's to find."""
    return run if run.isdecimal() else find_run(client, run)
