"""What the tables of insight show: how runs went, by pipeline and branch, and how much agents worked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from cictl.base.text.durations import duration
from cictl.cli.output.table import Column, Result
from cictl.wire.insight import AgentLoad, Insight, RunFigures

_GONE: tuple[Column[RunFigures], ...] = (
    Column("RUNS", lambda f: len(f.runs)),
    Column("SUCCEEDED", lambda f: "-" if f.success_rate is None else _percent(f.success_rate)),
    Column("TAKES", lambda f: _span(f.median_seconds)),
    Column("LAST RUN", lambda f: f.runs[-1].number),
    Column("LAST STATUS", lambda f: f.runs[-1].status.value),
    Column("ENDED", lambda f: f.runs[-1].finished_utc, wide=True),
    Column("FAILED", lambda f: f.failed, wide=True),
    Column("CANCELLED", lambda f: f.cancelled, wide=True),
)

_LOAD: tuple[Column[AgentLoad], ...] = (
    Column("AGENT", lambda a: a.agent_id, shrinks=True),
    Column("SLOTS", lambda a: a.slots),
    Column("JOBS", lambda a: a.jobs),
    Column("WORKED", lambda a: _span(a.busy_seconds)),
    Column("BUSY", lambda a: _percent(sum(a.hours) / len(a.hours))),
    Column("BUSIEST HOUR", lambda a: _percent(max(a.hours))),
)


def pipelines_result(found: Insight) -> Result[RunFigures]:
    """Return how the runs of each pipeline and chain went."""
    return _figures(found, found.pipelines, Column("PIPELINE", _path, shrinks=True), _path)


def branches_result(found: Insight) -> Result[RunFigures]:
    """Return how the runs of each branch went."""
    branch = Column[RunFigures]("BRANCH", lambda f: f"{f.project}@{f.name}", shrinks=True)
    return _figures(found, found.branches, branch, lambda f: f.name)


def load_result(found: Insight) -> Result[AgentLoad]:
    """Return how much each agent worked."""
    return Result(
        message=found, rows=found.load, columns=_LOAD, name=lambda a: a.agent_id, empty="no agent has connected yet"
    )


def _figures(
    found: Insight, rows: Sequence[RunFigures], first: Column[RunFigures], name: Callable[[RunFigures], str]
) -> Result[RunFigures]:
    return Result(message=found, rows=rows, columns=(first, *_GONE), name=name, empty="no run has ended yet")


def _path(figures: RunFigures) -> str:
    return f"{figures.project}/{figures.name}"


def _percent(share: float) -> str:
    """Return *share* in whole percents; 100 is said of all alone."""
    return f"{int(share * 100)} %"


def _span(seconds: float | None) -> str:
    return "-" if seconds is None else duration(timedelta(seconds=seconds))
