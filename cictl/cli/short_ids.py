"""What people call a job and a run: `41/test/green` and `41`. On the wire they keep their long ids."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cictl.wire.short_ids import job_name, short_id_of

if TYPE_CHECKING:  # shell completion reads short ids too, and must start quickly
    from cictl.wire.jobs import JobExecution

LAST = "@last"
"""Stands for the newest run."""


def label(job: JobExecution) -> str:
    """Return `job/matrix`, for the lines of a run; the id where an execution has no job name."""
    return job_name(job.facts) or job.id


def label_in_chain(job: JobExecution) -> str:
    """Return `pipeline/job/matrix`, for the lines of a run of several pipelines."""
    return f"{job.facts.pipeline_id or job.id}/{label(job)}"


def short_id(job: JobExecution) -> str:
    """Return `RUN/JOB[/MATRIX]`, or the long id where the run has no number. It always means this execution.

    In a chain run the pipeline stands before the job. A rerun ends in `:2`, the next one in `:3`.
    """
    return short_id_of(job.facts) or job.id


def run_ids(job: JobExecution) -> list[str]:
    """Return all that names the run of *job*, the shortest first; nothing for a job without a run."""
    facts = job.facts
    return [run for run in (facts.run_number, facts.chain_run_id, facts.pipeline_run_id) if run]


def newest_of_each(jobs: Iterable[JobExecution]) -> list[JobExecution]:
    """Return of each job of a run its newest execution, which decides.

    Args:
        jobs: Executions of one run, oldest first.
    """
    return list({(job.facts.pipeline_id, label(job)): job for job in jobs}.values())


def quoted(names: Sequence[str]) -> str:
    """Return *names* as words of a command that can be pasted into a shell."""
    return shlex.join(names)
