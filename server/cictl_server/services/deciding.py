"""Which executions decide about a run: of each job and matrix row the newest one, so that a rerun heals what it repeats."""

from __future__ import annotations

from collections.abc import Iterable

from cictl_server.store.records import JobRecord

_ROW = ("pipeline_id", "pipeline_job_id", "matrix_index")


def deciding(executions: Iterable[JobRecord]) -> list[JobRecord]:
    """Return those of the executions of one run, or one chain run, that decide, oldest first."""
    oldest_first = sorted(executions, key=lambda job: job.number)
    newest = {tuple(job.metadata.get(key, "") for key in _ROW): job for job in oldest_first}
    return sorted(newest.values(), key=lambda job: job.number)
