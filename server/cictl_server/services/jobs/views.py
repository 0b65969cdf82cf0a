"""Job executions as the API shows them: from records to wire types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeVar

import msgspec

from cictl.base.urls import without_login
from cictl.wire.jobs import JobExecution, JobState, JobStatus
from cictl_server.services.core.limits.bounds import AS_IT_IS, Bounds, bounded, cut_text
from cictl_server.services.fleet.matching import Candidate, unmet_requirements
from cictl_server.services.policies.job_rules import JobRules
from cictl_server.services.secrets.tokens import without_token
from cictl_server.store.records.jobs import JobRecord

_LISTED_TEXT = 500
_LISTED_BYTES = 8 << 10
_TOLD = ("error", "current_step", "waiting_reason")
_LISTED = Bounds(
    text=_LISTED_TEXT,
    fields={
        "runtime_capabilities": Bounds(text=100, items=50),
        "cache_stats": Bounds(text=100, items=20, fields={"tool_metrics": Bounds(items=0)}),
        "log_size": AS_IT_IS,
    },
)


Told = TypeVar("Told", JobExecution, JobState)

NOTHING_HELD: Mapping[str, str] = {}


def holds_of(jobs: Iterable[JobRecord], rules: JobRules) -> dict[str, str]:
    """Return why those of *jobs* that wait are not given out, by their ids, where it is not for other executions or for agents."""
    waiting = (job for job in jobs if job.status is JobStatus.QUEUED)
    return {job.id: hold.text for job in waiting if (hold := rules.hold(job))}


def job_view(
    job: JobRecord,
    *,
    candidates: Iterable[Candidate] | None = None,
    holds: Mapping[str, str] = NOTHING_HELD,
    output: str = "",
    log_size: int = 0,
    is_leased: bool = False,
) -> JobExecution:
    """Return the view of *job*.

    Args:
        candidates: Agents that could take a job now; a queued execution shows what they lack. With None, as in the
            answers to agents and to changes, that and the test summary are left out.
        holds: Why executions are not given out, as `holds_of` returns it.
        is_leased: The view goes to the agent that is to execute it, which needs the token of an automatic bump, and the login
            in the URL of its repository.
    """
    is_listed = candidates is not None
    spec = job.planned()
    spec["required_capabilities"] = job.required_capabilities or None
    spec["timeout_seconds"] = job.limit_seconds
    if not is_leased:
        spec |= _without_logins(job)
    return JobExecution(
        **spec,
        id=job.id,
        status=job.status,
        created_utc=job.created,
        current_step=job.current_step,
        cache_stats=job.cache_stats,
        runtime_capabilities=job.runtime_capabilities,
        started_utc=job.started,
        finished_utc=job.finished,
        leased_utc=job.leased,
        leased_by_agent_id=job.agent_id,
        exit_code=job.exit_code,
        error=job.error,
        cause=job.cause,
        waiting_reason=_waiting_reason(job, holds),
        not_before_utc=_not_before(job),
        output=output,
        log_size=log_size,
        test_summary=job.test_summary if is_listed else None,
        unmet_requirements=unmet_requirements(job, candidates or ()) if is_listed else [],
        warnings=job.warnings,
        failed_step=job.failed_step,
        outputs=job.outputs,
        attempt=int(job.facts.attempt or (1 if job.retry else 0)),
        retry_of=job.retry_of,
        retried_by=job.retried_by,
        started_by=job.started_by,
        cancelled_by=job.cancelled_by,
        timeout_is_default=job.limit_seconds != job.timeout_seconds,
        pinned=job.pinned,
        approval_due_utc=job.approval_due,
        decision=job.decision,
        log_removed_utc=job.log_removed,
        artifacts_removed_utc=job.artifacts_removed,
    )


def _without_logins(job: JobRecord) -> dict[str, object]:
    """Return what of the plan others than the agent that executes it see in another way. Metadata and variables have the URL too."""
    plan: dict[str, object] = {"step_plan": without_token(job.step_plan)}
    if job.source is None or (shown := without_login(job.source.repo)) == job.source.repo:
        return plan
    for name, texts in (("metadata", job.metadata), ("env", job.env)):
        plan[name] = {key: shown if text == job.source.repo else text for key, text in texts.items()}
    return {**plan, "source": msgspec.structs.replace(job.source, repo=shown)}


def listed_view(job: JobRecord, *, candidates: Iterable[Candidate], holds: Mapping[str, str]) -> JobExecution:
    """Return the view of *job* for a list, whose size must not depend on what one agent or one script says.

    What agents tell is cut always; the rest only where the view is large, so that usual scripts stay whole.
    """
    view = job_view(job, candidates=candidates, holds=holds)
    kept = _with_told_cut(view)
    if len(msgspec.json.encode(kept)) > _LISTED_BYTES:
        kept = bounded(kept, _LISTED)
    return kept if kept is view or kept == view else msgspec.structs.replace(kept, is_cut=True)


def job_state(job: JobRecord, *, log_size: int, holds: Mapping[str, str] = NOTHING_HELD) -> JobState:
    """Return the state of *job*, with long texts cut."""
    state = _whole_state(job, log_size=log_size, holds=holds)
    kept = _with_told_cut(state)
    return kept if kept is state else msgspec.structs.replace(kept, is_cut=True)


def _with_told_cut(view: Told) -> Told:
    """Return *view* with the texts cut that others tell of an execution; the same one if none is too long."""
    whole = {name: getattr(view, name) for name in _TOLD}
    cut = {name: kept for name, text in whole.items() if (kept := cut_text(text, _LISTED_TEXT)) is not text}
    return msgspec.structs.replace(view, **cut) if cut else view


def _whole_state(job: JobRecord, *, log_size: int, holds: Mapping[str, str]) -> JobState:
    return JobState(
        id=job.id,
        status=job.status,
        log_size=log_size,
        current_step=job.current_step,
        error=job.error,
        exit_code=job.exit_code,
        cause=job.cause,
        waiting_reason=_waiting_reason(job, holds),
        not_before_utc=_not_before(job),
        leased_by_agent_id=job.agent_id,
        started_utc=job.started,
        finished_utc=job.finished,
        log_is_full=bool(job.log_limit),
        skipped=job.skipped,
        allow_failure=job.allow_failure,
        retried_by=job.retried_by,
        run_number=int(job.facts.run_number or 0),
    )


def _waiting_reason(job: JobRecord, holds: Mapping[str, str]) -> str:
    own = job.waiting_reason if job.status is JobStatus.QUEUED and not job.is_blocked else ""
    return own or holds.get(job.id, "")


def _not_before(job: JobRecord) -> datetime | None:
    return job.not_before if job.status is JobStatus.QUEUED else None
