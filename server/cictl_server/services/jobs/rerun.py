"""Running the same work again."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from cictl.base.clock import Clock
from cictl.wire.jobs import JobExecution
from cictl.wire.metadata import JobMetadata
from cictl_server.errors import Conflict
from cictl_server.services.core.ids import NumberSource
from cictl_server.services.history.lookup import get_job
from cictl_server.services.history.settling import Settler
from cictl_server.services.jobs.views import job_view
from cictl_server.store.contract import Store
from cictl_server.store.records import JobRecord


@dataclass(frozen=True, kw_only=True)
class RerunService:
    store: Store
    settler: Settler
    numbers: NumberSource
    clock: Clock

    def rerun(self, job_id: str) -> JobExecution:
        """Enqueue the same work again, as a new execution of the same run. The newest execution of a job decides there.

        If the old one was cancelled while it was blocked, the new one is blocked too. If what it needs is settled by
        now, it is released, or has already ended when it is returned.

        Raises:
            NotFound: No such execution.
            Conflict: It never started, so it may still wait for others.
        """
        with self.store.write() as tx:
            job = get_job(tx, job_id)
            if job.started is None:
                raise Conflict("job has not started yet", hint="run its pipeline instead")
            spec = replace(job, metadata=JobMetadata.without(job.metadata, JobMetadata.chain_cancelled))
            again = JobRecord.queued(spec, number=self.numbers.next(), created=self.clock())
            self.settler.put(tx, again)
            self.settler.settle(tx, [again], now=again.created)
            again = get_job(tx, again.id)
        return job_view(again)
