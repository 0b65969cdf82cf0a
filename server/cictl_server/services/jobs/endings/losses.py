"""Executions that their agent no longer runs, although it is alive."""

from __future__ import annotations

import logging

import msgspec

from cictl.base.clock import Clock
from cictl.wire.jobs import Cause, JobStatus
from cictl.wire.words import CONTROL
from cictl_server.services.history.lifecycle import Ending, Event
from cictl_server.services.history.settling import Settler
from cictl_server.services.logs.book import LogBook
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.jobs import JobRecord

logger = logging.getLogger(__name__)


class LostWork(msgspec.Struct, frozen=True, kw_only=True):
    """Ends running executions whose agent shows that it lost them: it restarted, or it asks for other work."""

    store: Store
    settler: Settler
    logs: LogBook
    clock: Clock

    def end_running_of(self, agent_id: str, *, reason: str) -> None:
        """End what an agent runs. What it only leased stays: that is offered again when the agent asks."""
        with self.store.read() as view:
            if not any(job.status is JobStatus.RUNNING for job in view.jobs.active_of_agent(agent_id)):
                return

        def end(tx: Transaction) -> None:
            for job in tx.jobs.active_of_agent(agent_id):
                if job.status is JobStatus.RUNNING:
                    self.end(tx, job, reason=reason)

        self.store.write(end)

    def end(self, tx: Transaction, job: JobRecord, *, reason: str) -> None:
        text = f"agent lost: {reason}"
        tx.after_commit(
            lambda: logger.warning("execution given up execution=%s agent=%s: %s", job.id, job.agent_id, text)
        )
        ending = Ending(
            log_size=self.logs.shown_size_of(job),
            error=text,
            cause=Cause.AGENT_LOST,
            closing_line=f"{CONTROL}{text}",
        )
        self.settler.end(tx, job, Event.FAIL, ending, now=self.clock())
