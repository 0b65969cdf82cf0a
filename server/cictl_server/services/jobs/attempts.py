"""The executions of one job in its run: reruns and retries."""

from __future__ import annotations

import msgspec

from cictl.wire.jobs import JobExecution
from cictl.wire.short_ids import name_in_run
from cictl_server.services.history.lookup import get_job
from cictl_server.services.jobs.views import job_view
from cictl_server.store.contract import Store


class AttemptService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store

    def list_attempts(self, job_id: str) -> list[JobExecution]:
        """Return all executions of the same job and matrix row in its run, oldest first; of one without a run that alone.

        Raises:
            NotFound: No such execution.
        """
        with self.store.read() as view:
            job = get_job(view, job_id)
            run = job.facts.pipeline_run_id
            others = view.jobs.of_run(run) if run else [job]
        name = name_in_run(job.facts)
        return [job_view(other) for other in others if name_in_run(other.facts) == name]
