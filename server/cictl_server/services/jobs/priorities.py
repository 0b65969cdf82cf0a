"""Letting an execution that waits go before or after others."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from cictl.wire.jobs import JobExecution, JobStatus
from cictl_server.errors import Conflict
from cictl_server.services.core.deeds import note_details
from cictl_server.services.history.lookup import get_job
from cictl_server.services.history.settling import Settler
from cictl_server.services.jobs.views import job_view
from cictl_server.services.policies.priorities import checked_priority
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.jobs import JobRecord


class PriorityService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    settler: Settler

    def prioritize(self, job_id: str, wanted: int | None) -> JobExecution:
        """Change the priority of an execution that no agent has yet.

        Raises:
            InvalidRequest: No priority, or one that is out of bounds.
            NotFound: No such execution.
            Conflict: An agent has it, or it is over.
        """

        priority = checked_priority(wanted)

        def change(tx: Transaction) -> JobRecord:
            job = get_job(tx, job_id)
            if job.status is not JobStatus.QUEUED:
                raise Conflict(f"job is {job.status}", hint="only what waits has a place in the queue")
            changed = replace(job, priority=priority)
            if changed != job:
                self.settler.put(tx, changed)
            note_details(priority=priority)
            return changed

        return job_view(self.store.write(change))
