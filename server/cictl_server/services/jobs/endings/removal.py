"""Removing executions from the queue and from the history, with their logs, artifacts and reports."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import msgspec

from cictl.base.clock import Clock
from cictl.wire.events import EventKind
from cictl.wire.jobs import JobStatus
from cictl_server.errors import Conflict
from cictl_server.services.artifacts.removal import FileRemoval
from cictl_server.services.core.deeds import note_details
from cictl_server.services.core.events import EventLog
from cictl_server.services.core.hub import Hub
from cictl_server.services.history.lookup import get_job
from cictl_server.services.history.run_book import recount_runs_of
from cictl_server.services.history.settling import Settler
from cictl_server.services.logs.book import LogBook
from cictl_server.signals.topics import job_topic
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.jobs import JobRecord

_PENDING = (JobStatus.QUEUED, JobStatus.LEASED)
_FINISHED = (JobStatus.SUCCEEDED, JobStatus.FAILED)


class RemovalService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    settler: Settler
    hub: Hub
    logs: LogBook
    files: FileRemoval
    clock: Clock
    events: EventLog

    def delete(self, job_id: str) -> None:
        """Remove an execution that has not started; executions that wait for it end.

        Raises:
            NotFound: No such execution.
            Conflict: It has started.
        """

        def delete(tx: Transaction) -> None:
            job = get_job(tx, job_id)
            if job.status not in _PENDING:
                raise Conflict("job is not pending", hint="cancel it, or flush the history")
            self.remove(tx, [job])

        self.store.write(delete)

    def clear_queue(self) -> int:
        """Remove all queued and leased executions, blocked ones included, and return their number."""

        def clear(tx: Transaction) -> int:
            jobs = [job for status in _PENDING for job in tx.jobs.with_status(status)]
            self.remove(tx, jobs)
            note_details(removed=len(jobs))
            return len(jobs)

        return self.store.write(clear)

    def flush_history(self, *, agent_id: str | None = None) -> int:
        """Remove all finished executions, and return their number.

        Those of a run or chain run in which another execution is still blocked stay: their results decide about it.

        Args:
            agent_id: Remove only what this agent held, and scripts for it that ended before it took them.
        """

        def flush(tx: Transaction) -> int:
            jobs = _unawaited(tx, _finished(tx, agent_id))
            self.remove(tx, jobs)
            note_details(removed=len(jobs))
            return len(jobs)

        return self.store.write(flush)

    def remove(self, tx: Transaction, jobs: Iterable[JobRecord]) -> None:
        """Remove executions in *tx*; what waited for them is settled, and their files go after the commit."""
        jobs = list(jobs)
        removed = [(job.number, job.log_name) for job in jobs]
        files = self.files.prefixes(tx, jobs)
        for number, _ in removed:
            tx.jobs.delete(number)
            tx.artifacts.delete(number)
        recount_runs_of(tx, jobs)
        self.settler.settle(tx, jobs, now=self.clock())
        tx.after_commit(lambda: self._forget(removed, files))

    def _forget(self, removed: list[tuple[int, str]], files: list[str]) -> None:
        """Remove the files, and wake the requests that watched. Runs after the commit: no record names the files then."""
        for number, log_name in removed:
            self.logs.delete(log_name)
            self.hub.publish(job_topic(number))
            self.events.add(EventKind.JOB, f"job-{number}")
        self.files.remove(files)


def _finished(view: View, agent_id: str | None) -> list[JobRecord]:
    if agent_id is None:
        return [job for status in _FINISHED for job in view.jobs.with_status(status)]
    held = [job for job in view.jobs.of_agent(agent_id) if job.status.is_terminal]
    failed = view.jobs.with_status(JobStatus.FAILED)
    never_held = [job for job in failed if not job.agent_id and job.facts.adhoc_agent_id == agent_id]
    return held + never_held


def _unawaited(view: View, jobs: Iterable[JobRecord]) -> list[JobRecord]:
    """Return those of *jobs* whose run and chain run have nothing blocked."""

    @cache
    def is_awaited(pipeline_run_id: str, chain_run_id: str) -> bool:
        in_chain = next(view.jobs.blocked_of_chain_run(chain_run_id), None)
        return in_chain is not None or bool(view.jobs.blocked_of_run(pipeline_run_id))

    return [job for job in jobs if not is_awaited(job.facts.pipeline_run_id, job.facts.chain_run_id)]
