"""`cictl schedules`."""

from __future__ import annotations

from typing import Annotated

import typer

from cictl.cli.app.commands import Command, new_group
from cictl.cli.app.session import Session
from cictl.cli.commands.options import CancelOnInterrupt, Follow, Timeout, Wait
from cictl.cli.commands.run import show_started
from cictl.cli.jobs.filters import find_place
from cictl.cli.jobs.wait import Waiting
from cictl.cli.names import choose
from cictl.cli.output.slow import reading_text, told_when_slow
from cictl.cli.tables.schedules import next_result, schedule_result, schedules_result
from cictl.wire.schedules import Schedule
from cictl_client import Client

app = new_group(
    "cictl schedules list\ncictl schedules next shop/build --count 5\n"
    "cictl schedules pause shop/build#1 --reason 'the mirror moves'\ncictl schedules resume shop/build#1\n"
    "cictl schedules run shop/build#1 --wait"
)

ScheduleName = Annotated[
    str,
    typer.Argument(
        metavar="SCHEDULE", help="PROJECT/PIPELINE#N, such as shop/build#1; PROJECT/PIPELINE if that has one only."
    ),
]


@app.command("list", cls=Command, epilog="cictl schedules list\ncictl schedules list --project shop -o json")
def list_schedules(
    context: typer.Context,
    project: Annotated[str, typer.Option("--project", metavar="PROJECT", help="Only this project's.")] = "",
) -> None:
    """List the schedules: when each started its last run and starts the next, and which ones are paused.

    The table shows the time of your own zone. Schedules stand in project files, as on.schedule of a pipeline.
    """
    session = Session.of(context)
    name, _ = find_place(session.client, project=project, pipeline="")
    session.show(schedules_result(session.client.list_schedules(project=name)))


@app.command(
    "next",
    cls=Command,
    epilog="cictl schedules next\ncictl schedules next shop --count 3\ncictl schedules next shop/build -o json",
)
def show_next(
    context: typer.Context,
    target: Annotated[
        str, typer.Argument(metavar="[TARGET]", help="PROJECT or PROJECT/PIPELINE; without it, all.")
    ] = "",
    count: Annotated[
        int, typer.Option("--count", metavar="N", min=1, max=100, help="How many times of each schedule.")
    ] = 5,
) -> None:
    """Show when runs start next, the soonest first. A paused schedule starts none."""
    session = Session.of(context)
    project, _, pipeline = target.partition("/")
    project, pipeline = find_place(session.client, project=project, pipeline=pipeline)
    session.show(next_result(session.client.list_schedules(project=project, pipeline=pipeline, count=count)))


@app.command("pause", cls=Command, epilog="cictl schedules pause shop/build#1 --reason 'the mirror moves'")
def pause(
    context: typer.Context,
    schedule: ScheduleName,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; lists show it.")],
) -> None:
    """Let a schedule start no runs for now.

    Pausing again changes the reason. A pause ends with `resume`, or when the project file has other times.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"pause {schedule}")
    found = _find(session.client, schedule)
    paused = session.client.pause_schedule(found.pipeline_db_id, found.number, reason=reason)
    session.show_done(schedule_result(paused), f"paused: {paused.name}")


@app.command("resume", cls=Command, epilog="cictl schedules resume shop/build#1")
def resume(context: typer.Context, schedule: ScheduleName) -> None:
    """End the pause of a schedule. What came meanwhile is not made up for."""
    session = Session.of(context)
    session.refuse_if_readonly(f"resume {schedule}")
    found = _find(session.client, schedule)
    resumed = session.client.resume_schedule(found.pipeline_db_id, found.number)
    session.show_done(schedule_result(resumed), f"resumed: {resumed.name}")


@app.command("run", cls=Command, epilog="cictl schedules run shop/build#1\ncictl schedules run shop/build#1 --follow")
def run(
    context: typer.Context,
    schedule: ScheduleName,
    wait: Wait = False,
    follow: Follow = False,
    timeout: Timeout = None,
    cancel_on_interrupt: CancelOnInterrupt = False,
) -> None:
    """Start at once what a schedule starts at its times, also while it is paused. Its next time stays.

    With --wait or --follow the exit code is the result: 0 succeeded, 3 failed, 4 cancelled, 8 timed out.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"run {schedule}")
    found = _find(session.client, schedule)
    with told_when_slow(session, reading_text(f"the repository of {found.name}", limit="a minute or two")):
        answer = session.client.run_schedule(found.pipeline_db_id, found.number)
    waiting = Waiting(wait=wait, follow=follow, timeout=timeout, cancel_on_interrupt=cancel_on_interrupt)
    show_started(session, found.name, answer, waiting=waiting)


def _find(client: Client, text: str) -> Schedule:
    """Return the schedule that *text* names.

    Raises:
        Failure: There is none (exit code 5), or several (2).
    """
    schedules = client.list_schedules().schedules
    return choose(text, schedules, names=_names, noun="schedule", listing="cictl schedules list")


def _names(schedule: Schedule) -> tuple[str, ...]:
    by_id = f"{schedule.project_id}/{schedule.pipeline}#{schedule.number}"
    return schedule.name, by_id, f"{schedule.project}/{schedule.pipeline}", f"{schedule.pipeline}#{schedule.number}"
