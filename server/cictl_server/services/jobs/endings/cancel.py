"""Cancelling executions at a user's request."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cictl.base.clock import Clock
from cictl.wire.jobs import CANCEL_LINE, CANCELLED_BY_USER, Cause, JobExecution
from cictl_server.errors import Conflict
from cictl_server.services.core.deeds import actor_name
from cictl_server.services.history.lifecycle import Ending, Event, advance
from cictl_server.services.history.lookup import get_job
from cictl_server.services.history.settling import Settler
from cictl_server.services.jobs.views import job_view
from cictl_server.services.logs.book import LogBook
from cictl_server.services.logs.reader import JobLog
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.jobs import JobRecord


class CancelService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    settler: Settler
    logs: LogBook
    clock: Clock

    def cancel(self, job_id: str) -> JobExecution:
        """End an execution.

        Raises:
            NotFound: No such execution.
            Conflict: It is over already.
        """

        def cancel(tx: Transaction) -> JobRecord:
            job = get_job(tx, job_id)
            if job.status.is_terminal:
                raise Conflict("job is not active", hint=f"it {job.status} already")
            return self._cancel(tx, job)

        ended = self.store.write(cancel)
        log = JobLog(self.logs, ended)
        return job_view(ended, output=log.output(), log_size=log.size)

    def cancel_active_of(self, tx: Transaction, agent_id: str) -> int:
        """Cancel what *agent_id* holds, and return the number of executions."""
        active = tx.jobs.active_of_agent(agent_id)
        for job in active:
            self._cancel(tx, job)
        return len(active)

    def cancel_all(self, tx: Transaction, jobs: Sequence[JobRecord]) -> None:
        """End *jobs*, none of which is over, and then settle what waited for them: at once, as they may be very many."""
        now = self.clock()
        ended = [advance(job, Event.FAIL, now=now, ending=self._ending(job)) for job in jobs]
        for job in ended:
            self.settler.put(tx, job)
        self.settler.settle(tx, ended, now=now)

    def _cancel(self, tx: Transaction, job: JobRecord) -> JobRecord:
        return self.settler.end(tx, job, Event.FAIL, self._ending(job), now=self.clock())

    def _ending(self, job: JobRecord) -> Ending:
        return Ending(
            log_size=self.logs.shown_size_of(job),
            error=CANCELLED_BY_USER,
            cause=Cause.CANCELLED,
            closing_line=CANCEL_LINE,
            cancelled_by=actor_name(),
        )
