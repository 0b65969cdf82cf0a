"""Reruns heal: what ended because an execution failed waits for the rerun of that execution, and so runs after all."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
from msgspec.structs import replace

from cictl.wire.jobs import Cause, JobStatus
from cictl.wire.metadata import JobMetadata
from cictl_server.services.history.outputs import with_templates
from cictl_server.services.history.past_runs import deciding
from cictl_server.store.contract import View
from cictl_server.store.records.jobs import JobRecord

_Place = tuple[str, str]
"""A pipeline and one of its jobs; an empty job stands for the whole pipeline, which later ones of its chain wait for."""


def was_dragged_along(job: JobRecord) -> bool:
    """Tell whether *job* ended without having started, because what it waited for did not succeed."""
    return job.started is None and job.cause is Cause.DEPENDENCY_FAILED


def blocked_again(job: JobRecord) -> JobRecord:
    """Return *job* with the metadata that it had when it was planned: it waits once more."""
    facts = job.facts
    waits = JobMetadata.entries(
        JobMetadata.needs_blocked(bool(facts.needs_job_ids)),
        JobMetadata.chain_blocked(facts.chain_blocked or facts.chain_cancelled),
    )
    return replace(with_templates(job), metadata=JobMetadata.without(job.metadata, JobMetadata.chain_cancelled) | waits)


def as_planned(job: JobRecord) -> JobRecord:
    """Return *job* with all the waits that it was planned with, whether or not it has waited: what it needs may run again too.

    Where few rows may run at once, each waits for its place.
    """
    facts = job.facts
    waits = JobMetadata.entries(
        JobMetadata.needs_blocked(bool(facts.needs_job_ids)),
        JobMetadata.chain_blocked(bool(facts.chain_depends_on_pipelines)),
        JobMetadata.row_blocked(bool(job.max_parallel)),
    )
    return replace(with_templates(job), metadata=JobMetadata.without(job.metadata, JobMetadata.chain_cancelled) | waits)


def members_of_run(view: View, job: JobRecord) -> list[JobRecord]:
    """Return the executions of the chain run that *job* belongs to, else of its run; only itself if it has neither."""
    if job.facts.chain_run_id:
        return view.jobs.of_chain_run(job.facts.chain_run_id)
    return view.jobs.of_run(job.facts.pipeline_run_id) if job.facts.pipeline_run_id else [job]


def failed_wait(members: Iterable[JobRecord], job: JobRecord) -> str:
    """Return the job, or else the pipeline, that keeps *job* from running, since it failed or is gone; empty without one."""
    outcome = _Outcome.of(members)
    return next((name or pipeline for pipeline, name in _waits(job) if outcome.is_lost((pipeline, name))), "")


def revived(
    members: Iterable[JobRecord], again: JobRecord, *, enqueue: Callable[[JobRecord], JobRecord]
) -> list[JobRecord]:
    """Return new executions of what ended because of the job that runs again, and of what ended because of that in turn.

    What waits for something else that failed is left as it is: it would only end once more.

    Args:
        members: All executions of the run or the chain run, with *again* among them.
        enqueue: Returns a new execution of an earlier one.
    """
    newest = deciding(members)
    healed = _places(again)
    new: list[JobRecord] = []
    while True:
        outcome = _Outcome.of(newest)
        found = [
            job
            for job in newest
            if was_dragged_along(job)
            and not healed.isdisjoint(waits := _waits(job))
            and not any(map(outcome.is_lost, waits))
        ]
        if not found:
            return new
        added = [enqueue(blocked_again(job)) for job in found]
        healed = healed.union(*map(_places, added))
        newest = deciding([*newest, *added])
        new += added


class _Outcome(msgspec.Struct, frozen=True):
    """Which jobs and pipelines of a run exist, and which of them have failed."""

    existing: frozenset[_Place]
    failed: frozenset[_Place]

    @classmethod
    def of(cls, members: Iterable[JobRecord]) -> _Outcome:
        newest = deciding(members)
        failed = (job for job in newest if job.status is JobStatus.FAILED and not job.is_good)
        return cls(frozenset().union(*map(_places, newest)), frozenset().union(*map(_places, failed)))

    def is_lost(self, place: _Place) -> bool:
        return place in self.failed or place not in self.existing


def _places(job: JobRecord) -> set[_Place]:
    return {(job.facts.pipeline_id, job.facts.pipeline_job_id), (job.facts.pipeline_id, "")}


def _waits(job: JobRecord) -> list[_Place]:
    needs = [(job.facts.pipeline_id, need) for need in job.facts.needs_job_ids]
    return needs + [(pipeline, "") for pipeline in job.facts.chain_depends_on_pipelines]
