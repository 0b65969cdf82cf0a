"""Why the jobs of a list wait, below a table that has no room for it."""

from __future__ import annotations

from collections.abc import Sequence

from cictl.cli.app.session import Session
from cictl.cli.short_ids import quoted, short_id
from cictl.wire.jobs import JobExecution, JobStatus

_MOST_TOLD = 5


def tell_why_they_wait(session: Session, jobs: Sequence[JobExecution]) -> None:
    """Write the reasons for which *jobs* wait to stderr, each once, and suggest the command that tells more."""
    reasons: dict[str, list[JobExecution]] = {}
    for job in jobs:
        if reason := _reason(job):
            reasons.setdefault(reason, []).append(job)
    for reason, waiting in list(reasons.items())[:_MOST_TOLD]:
        session.note(f"{_named(waiting)}: {reason}")
    if len(reasons) > _MOST_TOLD:
        session.note(f"{len(reasons) - _MOST_TOLD} more reasons: `cictl jobs list -o wide` shows them")
    if reasons:
        first, *_ = next(iter(reasons.values()))
        session.suggest(f"cictl jobs explain {quoted([short_id(first)])}{session.server_options}")


def _reason(job: JobExecution) -> str:
    if job.status is not JobStatus.QUEUED:
        return ""
    return "; ".join(filter(None, (*job.unmet_requirements, job.waiting_reason)))


def _named(waiting: Sequence[JobExecution]) -> str:
    first = short_id(waiting[0])
    return f"{first} waits" if len(waiting) == 1 else f"{first} and {len(waiting) - 1} more wait"
