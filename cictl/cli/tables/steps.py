"""How the steps of a job are named, and how long each one took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from cictl.base.text.durations import duration
from cictl.wire.jobs import JobExecution, LoggedStep, Step

_SHOWN = 40


def step_text(step: Step) -> str:
    """Return how a step is named here: `2 (make test)`."""
    return f"{step.index} ({_name(step)})"


def step_names(step: Step) -> list[str]:
    """Return what a step can be called by, the best last: its number, its name in reports, its title."""
    names = [str(step.index), step.name, step.title]
    return [name for name in names if name]


def step_lines(job: JobExecution, begun: Sequence[LoggedStep], now: datetime) -> Iterator[str]:
    """Yield a line for each step of the plan: its name, how long it took or has been running *now*, whether it failed."""
    starts = {step.index: step.started_utc for step in begun}
    ended = failed_step(job, begun)
    width = max((len(_line(step)) for step in job.step_plan), default=0)
    for step in job.step_plan:
        if step.index not in starts:
            yield _line(step)
            continue
        end = min((start for index, start in starts.items() if index > step.index), default=None)
        took = duration((end or job.finished_utc or now) - starts[step.index])
        word = f"  {job.status}" if ended and step.index == ended.index else ""
        yield f"{_line(step):<{width}}  {took}{word}"


def failed_step(job: JobExecution, begun: Sequence[LoggedStep]) -> LoggedStep | None:
    """Return the step that *job* failed in: the one that its agent names, else the one that began last; None where none began.

    Of a job that has not failed it is the one that began last.
    """
    named = (step for step in begun if step.index == job.failed_step)
    return next(named, begun[-1] if begun else None)


def _line(step: Step) -> str:
    return f"{step.index}. {_name(step)}"


def _name(step: Step) -> str:
    name = step_names(step)[-1]
    return name if len(name) <= _SHOWN else f"{name[: _SHOWN - 1]}…"
