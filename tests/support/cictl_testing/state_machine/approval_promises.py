"""What a server promises of approvals, and of what it runs again, checked against its records after each step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from cictl.wire.jobs import Cause, JobStatus
from cictl_server.services.history.past_runs import deciding
from cictl_server.store.contract import View
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.runs import RunRecord

_ASKS = frozenset({"approval_blocked", "run_approval_blocked"})
_WAITS = frozenset({"needs_blocked", "chain_blocked"})
_ENDED_BY_AGENTS = frozenset({Cause.AGENT_LOST, Cause.START_FAILED})


def check_approvals(jobs: Iterable[JobRecord]) -> None:
    """No agent gets what nobody approved, and what waits for somebody has a time at which it ends."""
    for job in jobs:
        keys = job.metadata.keys()
        if job.status.is_active:
            assert _ASKS.isdisjoint(keys), f"{job.id} has an agent before it was approved"
        ran = job.status is not JobStatus.QUEUED and job.agent_id
        if ran and job.approval:
            assert job.decision is not None, f"nobody approved {job.id}"
            assert job.decision.approved, f"{job.id} was rejected"
        if job.cause is Cause.NOT_APPROVED:
            assert (job.started, job.agent_id, job.retried_by) == (None, "", "")
        asks = job.status is JobStatus.QUEUED and _asks(job)
        assert asks is (job.approval_due is not None), f"{job.id} ends at {job.approval_due}"


def check_repeats(jobs: Iterable[JobRecord]) -> None:
    """What the server runs again unasked had begun no step and was ended by its agent; and no job is repeated so twice."""
    known = {job.id: job for job in jobs}
    for job in known.values():
        before = known.get(job.retry_of)
        if before is None:
            continue
        assert before.retried_by == job.id
        assert before.cause is not Cause.CANCELLED
        if job.retries == before.retries:
            assert not before.server_retried, f"{before.id} is repeated once more"
            assert before.cause in _ENDED_BY_AGENTS
            assert job.server_retried
        else:
            assert before.retry is not None
            assert job.retries <= before.retry.limit


def check_runs(view: View, jobs: Iterable[JobRecord]) -> None:
    """A run waits for an approval exactly while nothing else of it goes on."""
    of_runs = defaultdict[int, list[JobRecord]](list)
    for job in jobs:
        of_runs[int(job.metadata["run_number"])].append(job)
    for run in view.runs.iter_all():
        _check_run(run, deciding(of_runs[run.number]))


def _check_run(run: RunRecord, jobs: list[JobRecord]) -> None:
    assert sum(run.parts.values()) == len(jobs), f"run {run.number} counts {run.parts}"
    assert run.waiting == sum(job.status is JobStatus.QUEUED for job in jobs)
    waits = any(job.status is JobStatus.QUEUED and _asks(job) for job in jobs)
    goes_on = any(job.status.is_active or _may_begin(job) for job in jobs)
    assert (run.status == "waiting_approval") is (waits and not goes_on), f"run {run.number} is {run.status}"
    assert run.status.is_terminal is all(job.status.is_terminal for job in jobs)


def _asks(job: JobRecord) -> bool:
    keys = job.metadata.keys()
    return "run_approval_blocked" in keys or ("approval_blocked" in keys and _WAITS.isdisjoint(keys))


def _may_begin(job: JobRecord) -> bool:
    """Tell whether an agent, or the line of a group, is all that the execution waits for."""
    if job.status is not JobStatus.QUEUED:
        return False
    return not job.is_blocked or bool(job.awaited_group and job.is_ready and not _asks(job))
