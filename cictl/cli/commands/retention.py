"""`cictl retention`."""

from __future__ import annotations

from typing import Annotated

import typer

from cictl.base.text.sizes import size_text
from cictl.cli.app.commands import Command, DestructiveCommand, new_group
from cictl.cli.app.confirmation import confirm
from cictl.cli.app.failures import usage
from cictl.cli.app.session import Session
from cictl.cli.names import find_project
from cictl.cli.output.table import Column, Result
from cictl.wire.admin.retention import ProjectRetention, RetentionChange, RetentionCounts, RetentionPolicies

app = new_group(
    "cictl retention show\ncictl retention set --keep-runs 200 --artifact-days 30\n"
    "cictl retention set --project shop --log-days 14\ncictl retention preview\ncictl retention run --yes"
)

_EVERY_PROJECT = "(all projects)"


def _limit(value: int) -> str:
    return str(value) if value else "no limit"


_COLUMNS: tuple[Column[ProjectRetention], ...] = (
    Column("PROJECT", lambda p: p.project, shrinks=True),
    Column("RUNS OF A PIPELINE", lambda p: _limit(p.policy.keep_runs)),
    Column("DAYS OF RUNS", lambda p: _limit(p.policy.keep_days)),
    Column("OF ARTIFACTS", lambda p: _limit(p.policy.artifact_days)),
    Column("OF LOGS", lambda p: _limit(p.policy.log_days)),
    Column("OWN", lambda p: p.own, wide=True, folds=True),
)

Runs = Annotated[
    int | None, typer.Option("--keep-runs", metavar="N", min=0, help="Keep the newest N runs of each pipeline; 0: all.")
]
Days = Annotated[int | None, typer.Option("--keep-days", metavar="N", min=0, help="Keep runs N days; 0: for ever.")]
ArtifactDays = Annotated[
    int | None,
    typer.Option("--artifact-days", metavar="N", min=0, help="Keep artifacts N days; 0: as long as the run."),
]
LogDays = Annotated[
    int | None, typer.Option("--log-days", metavar="N", min=0, help="Keep logs N days; 0: as long as the run.")
]


@app.command("show", cls=Command, epilog="cictl retention show\ncictl retention show -o json")
def show(context: typer.Context) -> None:
    """Show how long runs, their logs and their artifacts are kept."""
    session = Session.of(context)
    session.show(_result(session.client.retention()))


@app.command(
    "set",
    cls=Command,
    epilog="cictl retention set --keep-runs 200 --artifact-days 30\n"
    "cictl retention set --project shop --log-days 14\ncictl retention set --project shop --reset",
)
def change(
    context: typer.Context,
    project: Annotated[
        str, typer.Option("--project", metavar="PROJECT", help="Of this project only; default: of all.")
    ] = "",
    keep_runs: Runs = None,
    keep_days: Days = None,
    artifact_days: ArtifactDays = None,
    log_days: LogDays = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="Give up what was set before: take the wider limits again.")
    ] = False,
) -> None:
    """Change how long things are kept; what is not named stays as it is.

    A run goes when it is older than --keep-days, or no longer among the newest --keep-runs of its pipeline. The newest success
    of each branch, pinned runs and what unfinished work needs always stay. The server looks every hour.
    """
    session = Session.of(context)
    session.refuse_if_readonly("change retention")
    limits = {"keep_runs": keep_runs, "keep_days": keep_days, "artifact_days": artifact_days, "log_days": log_days}
    if not reset and all(value is None for value in limits.values()):
        raise usage("nothing to set", hint="name a limit, such as --keep-runs 200, or --reset")
    name = str(find_project(session.client, project).id) if project else ""
    found = session.client.change_retention(RetentionChange(project=name, reset=reset, **limits))
    session.show_done(_result(found), _sentence(session.client.preview_retention(), "would go"))


@app.command("preview", cls=Command, epilog="cictl retention preview\ncictl retention preview -o json")
def preview(context: typer.Context) -> None:
    """Show what would go now."""
    session = Session.of(context)
    session.show(_counts_result(session.client.preview_retention()))


@app.command("run", cls=DestructiveCommand, epilog="cictl retention run\ncictl retention run --yes")
def run(context: typer.Context) -> None:
    """Remove now what the limits say, instead of within the hour.

    Asks on a terminal, and needs --yes elsewhere.
    """
    session = Session.of(context)
    session.refuse_if_readonly("remove old runs")
    planned = session.client.preview_retention()
    if planned.runs or planned.logs or planned.artifacts:
        session.note(_sentence(planned, "will go"))
        confirm(session, "remove them?")
    gone = session.client.run_retention()
    while not gone.is_complete:
        session.note(_sentence(gone, "gone so far"))
        gone += session.client.run_retention()
    session.show_done(_counts_result(gone), _sentence(gone, "gone"))


def _result(found: RetentionPolicies) -> Result[ProjectRetention]:
    everyone = ProjectRetention(project=_EVERY_PROJECT, project_id=0, policy=found.default)
    return Result(message=found, rows=[everyone, *found.projects], columns=_COLUMNS, name=lambda p: p.project)


def _counts_result(found: RetentionCounts) -> Result[RetentionCounts]:
    text = _sentence(found, "would go")
    return Result(message=found, rows=[found], columns=(), name=lambda _: str(found.runs), prose=lambda _: [("", text)])


def _sentence(found: RetentionCounts, verb: str) -> str:
    """Return `12 runs with 40 jobs, 38 logs and 7 artifacts (1.2 GiB) would go`."""
    if not (found.runs or found.logs or found.artifacts):
        return "nothing is old enough to go"
    parts = [_counted(found.logs, "log"), _counted(found.artifacts, "artifact")]
    if found.runs:
        parts.insert(0, f"{_counted(found.runs, 'run')} with {_counted(found.jobs, 'job')}")
    *first, last = parts
    return f"{', '.join(first)} and {last} ({size_text(found.bytes)}) {verb}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
