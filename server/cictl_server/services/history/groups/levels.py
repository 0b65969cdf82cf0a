"""The two kinds of concurrency groups: those of pipelines, which count runs, and those of jobs, which count executions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from msgspec.structs import replace

from cictl.base.job_parts import ConcurrencySpec
from cictl.wire.jobs import JobSpec
from cictl.wire.metadata import JobMetadata
from cictl_server.store.contract import View
from cictl_server.store.records.jobs import JobRecord


def waits_for_groups(spec: JobSpec) -> dict[str, str]:
    """Return the metadata with which a new execution of *spec* stands in the lines of its groups."""
    waits = (
        JobMetadata.run_group_blocked(spec.run_concurrency is not None),
        JobMetadata.group_blocked(spec.concurrency is not None),
    )
    return {} if spec.skipped else JobMetadata.entries(*waits)


class Level(ABC):
    """What the members of a group are."""

    @abstractmethod
    def group(self, job: JobRecord) -> str:
        """Return the key of the group of *job* at this level; empty without one."""

    @abstractmethod
    def rule(self, job: JobRecord) -> ConcurrencySpec:
        """Return what *job*, which has such a group, says of it."""

    @abstractmethod
    def member(self, job: JobRecord) -> str:
        """Return who has, or waits for, the place of *job*."""

    @abstractmethod
    def has_left(self, view: View, job: JobRecord) -> bool:
        """Tell whether the member that *job* belongs, or belonged to, may have lost its place."""

    @abstractmethod
    def unfinished(self, view: View, job: JobRecord) -> Iterable[JobRecord]:
        """Return what is not over of the member that *job* belongs to."""

    @abstractmethod
    def with_place(self, job: JobRecord) -> JobRecord:
        """Return *job* as it is once its member has a place."""


class OfRuns(Level):
    """Groups of pipelines. A member is the run of one pipeline, also within a chain run."""

    def group(self, job: JobRecord) -> str:
        return job.run_group

    def rule(self, job: JobRecord) -> ConcurrencySpec:
        assert job.run_concurrency is not None
        return job.run_concurrency

    def member(self, job: JobRecord) -> str:
        return job.facts.pipeline_run_id

    def has_left(self, view: View, job: JobRecord) -> bool:
        return not any(group == job.run_group for one in self.unfinished(view, job) for group in one.held_groups)

    def unfinished(self, view: View, job: JobRecord) -> Iterable[JobRecord]:
        return view.jobs.unfinished_of_run(job.facts.pipeline_run_id)

    def with_place(self, job: JobRecord) -> JobRecord:
        return replace(job, metadata=JobMetadata.without(job.metadata, JobMetadata.run_group_blocked))


class OfExecutions(Level):
    """Groups of jobs. A member is one execution, with the next one if it is run again by itself."""

    def group(self, job: JobRecord) -> str:
        return job.group

    def rule(self, job: JobRecord) -> ConcurrencySpec:
        assert job.concurrency is not None
        return job.concurrency

    def member(self, job: JobRecord) -> str:
        return job.id

    def has_left(self, view: View, job: JobRecord) -> bool:
        return True

    def unfinished(self, view: View, job: JobRecord) -> Iterable[JobRecord]:
        return [job]

    def with_place(self, job: JobRecord) -> JobRecord:
        return replace(job, metadata=JobMetadata.without(job.metadata, JobMetadata.group_blocked))


LEVELS: tuple[Level, ...] = (OfRuns(), OfExecutions())
"""In the order in which an execution waits."""
