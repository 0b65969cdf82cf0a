"""Looking up an execution, and naming it."""

from __future__ import annotations

from cictl.wire.short_ids import short_id_of
from cictl_server.errors import NotFound
from cictl_server.services.core.ids import job_number
from cictl_server.store.contract import View
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.tables import Jobs


def short_id(job: JobRecord) -> str:
    """Return what people call *job*, such as `41/test`; its id where its run has no number."""
    return short_id_of(job.facts) or job.id


def jobs_of_run(jobs: Jobs, run: str) -> list[JobRecord]:
    """Return the executions of a run, oldest first; *run* is a `pipeline_run_id`, a `chain_run_id` or a `run_number`."""
    return jobs.of_run(run) or jobs.of_chain_run(run) or jobs.of_run_number(run)


def get_job(view: View, job_id: str) -> JobRecord:
    """Return the record of *job_id*.

    Raises:
        NotFound: No such execution.
    """
    job = view.jobs.find(job_number(job_id))
    if job is None:
        raise NotFound("job", hint="`cictl jobs list` shows the newest ones")
    return job
