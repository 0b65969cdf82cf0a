"""How job executions ended: cancelled, failed, or ended by what they needed; and the exit code of that."""

from __future__ import annotations

from collections.abc import Sequence

from cictl.cli.app.exit_codes import ExitCode
from cictl.wire.jobs import Cause, JobExecution, JobState, JobStatus, is_cancellation

# The contract, "needs and chain runtime": a reference server sends no cause, and these texts tell what a failed
# dependency ended.
_DEPENDENCY_ERRORS = ("cancelled: required job ", "cancelled: upstream pipeline ")

_STEP_ERROR = "Step "
"""So begin the errors of failed steps ("error texts" of the contract)."""


def was_cancelled(job: JobExecution | JobState) -> bool:
    """Tell whether a user, the deactivation of the agent, or a newer run of its group ended the execution."""
    return is_cancellation(job.cause, job.error)


def lost_dependency(job: JobExecution | JobState) -> bool:
    """Tell whether the execution never ran because one that it needs did not succeed."""
    if job.cause is not None:
        return job.cause is Cause.DEPENDENCY_FAILED
    return job.error.startswith(_DEPENDENCY_ERRORS)


def names_its_step(job: JobExecution) -> bool:
    """Tell whether the error of a failed execution says in which step it failed.

    The step that was seen last may be an earlier one: a quick step is over before anybody looks.
    """
    if job.cause is not None:
        return job.cause is Cause.STEP_FAILED or bool(job.failed_step)
    return job.error.startswith(_STEP_ERROR)


def is_forgiven(job: JobExecution | JobState) -> bool:
    """Tell whether the execution failed and may, so that its run goes on without it."""
    is_failure = job.status is JobStatus.FAILED and not was_cancelled(job)
    return is_failure and job.allow_failure and job.started_utc is not None


def outcome(job: JobExecution | JobState) -> str:
    """Return the status, with `cancelled` for a failure that is none, and `skipped` for what never ran by its condition."""
    if job.skipped:
        return "skipped"
    return "cancelled" if job.status is JobStatus.FAILED and was_cancelled(job) else str(job.status)


def result_code(jobs: Sequence[JobExecution | JobState]) -> ExitCode:
    """Return the result of a run whose executions are all over.

    A failure outweighs a cancellation; what a failed dependency took along counts only when nothing else explains it.
    """
    failed = [job for job in jobs if job.status is JobStatus.FAILED and not is_forgiven(job)]
    if not failed:
        return ExitCode.OK
    cancelled = [job for job in failed if was_cancelled(job)]
    dragged = [job for job in failed if lost_dependency(job)]
    if cancelled and len(cancelled) + len(dragged) == len(failed):
        return ExitCode.CANCELLED
    return ExitCode.FAILED
