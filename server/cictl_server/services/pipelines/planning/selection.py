"""Which jobs and matrix rows of a pipeline a request selects."""

from __future__ import annotations

from msgspec.structs import replace

from cictl.project_file import Job, Pipeline
from cictl.wire.projects import Needs, RunRequest
from cictl_server.services.history.past_runs import matrix_variables


def select(pipeline: Pipeline, request: RunRequest) -> list[tuple[Job, int]]:
    """Return the selected pairs of job and matrix row. A job without a matrix has the single row 0."""
    selected = [
        (job, row)
        for job in pipeline.jobs
        if request.pipeline_job_id in ("", job.id)
        for row in _rows(job)
        if request.matrix_index in (None, row)
        and request.matrix_name in ("", matrix_variables(job, row).get("name", ""))
    ]
    match request.needs:
        case Needs.ADD:
            return _with_needs(pipeline, selected)
        case Needs.DROP:
            return _without_needs(selected)
        case Needs.REFUSE:
            return selected


def _rows(job: Job) -> range:
    return range(max(1, len(job.matrix)))


def _with_needs(pipeline: Pipeline, selected: list[tuple[Job, int]]) -> list[tuple[Job, int]]:
    """Add all rows of each job that is needed, directly or not, and of which nothing is selected."""
    jobs = {job.id: job for job in pipeline.jobs}
    chosen = {job.id for job, _ in selected}
    pairs = {(job.id, row) for job, row in selected}
    needed: set[str] = set()
    left = [need for job, _ in selected for need in job.needs]
    while left:
        need = left.pop()
        if need not in needed | chosen:
            needed.add(need)
            left += jobs[need].needs
    return [(job, row) for job in pipeline.jobs for row in _rows(job) if job.id in needed or (job.id, row) in pairs]


def _without_needs(selected: list[tuple[Job, int]]) -> list[tuple[Job, int]]:
    chosen = {job.id for job, _ in selected}
    return [(replace(job, needs=[need for need in job.needs if need in chosen]), row) for job, row in selected]


def missing_needs(selected: list[tuple[Job, int]]) -> dict[str, list[str]]:
    """Return the needs of each selected job that are not selected: the job would wait for them for ever."""
    chosen = {job.id for job, _ in selected}
    missing = {job.id: [need for need in job.needs if need not in chosen] for job, _ in selected}
    return {job_id: needs for job_id, needs in missing.items() if needs}
