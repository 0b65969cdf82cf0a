"""Single job executions: look-up, log and cancellation."""

from __future__ import annotations

from collections.abc import Iterator

from cictl.wire.jobs import CANCEL_LINE, CANCELLED_BY_USER, Cause, JobExecution, JobState
from cictl_server.errors import Conflict, NotFound
from cictl_server.services.fleet import Fleet
from cictl_server.services.hub import Hub, job_topic
from cictl_server.services.ids import Clock, job_number
from cictl_server.services.joblog import JobLog, LogSlice
from cictl_server.services.lifecycle import Ending, Event
from cictl_server.services.logs import LogFiles
from cictl_server.services.settling import Settler
from cictl_server.services.views import job_state, job_view
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records import JobRecord

_KEEPALIVE_SECONDS = 15.0
_SLICE = 65_536


class JobService:
    def __init__(self, *, store: Store, logs: LogFiles, settler: Settler, hub: Hub, fleet: Fleet, clock: Clock) -> None:
        self._store = store
        self._logs = logs
        self._settler = settler
        self._hub = hub
        self._fleet = fleet
        self._clock = clock

    def get_job(self, job_id: str) -> JobExecution:
        """Return one execution with the end of its log.

        Raises:
            NotFound: No such execution.
        """
        with self._store.read() as view:
            job = get_job(view, job_id)
        log = JobLog(self._logs, job)
        return job_view(job, candidates=self._fleet.candidates(), output=log.output(), log_size=log.size)

    def get_state(self, job_id: str) -> JobState:
        """Return what waiting clients need; cheap.

        Raises:
            NotFound: No such execution.
        """
        with self._store.read() as view:
            job = get_job(view, job_id)
        return job_state(job, log_size=JobLog(self._logs, job).size)

    def read_log(self, job_id: str, *, offset: int, limit: int) -> LogSlice:
        """Return a piece of the log.

        Raises:
            NotFound: No such execution.
        """
        with self._store.read() as view:
            job = get_job(view, job_id)
        return JobLog(self._logs, job).read(offset=offset, limit=limit)

    def follow_log(self, job_id: str, *, offset: int) -> Iterator[LogSlice | JobState | None]:
        """Yield the log from *offset* as it grows, then the final state.

        None is yielded when nothing happened for 15 seconds, so that the caller can keep its connection alive. Ends
        early when the server stops.

        Raises:
            NotFound: The execution was deleted.
        """
        with self._hub.watch(job_topic(job_number(job_id))) as watch:
            while not self._hub.is_closed:
                watch.clear()
                piece = self.read_log(job_id, offset=offset, limit=_SLICE)
                if piece.data:
                    offset += len(piece.data)
                    yield piece
                elif piece.complete:
                    yield self.get_state(job_id)
                    return
                elif not watch.wait(_KEEPALIVE_SECONDS):
                    yield None

    def cancel(self, job_id: str) -> JobExecution:
        """End an execution by order of a user.

        Raises:
            NotFound: No such execution.
            Conflict: It is over already.
        """
        with self._store.write() as tx:
            job = get_job(tx, job_id)
            if job.status.is_terminal:
                raise Conflict("job is not active", hint=f"it {job.status} already")
            ended = self._cancel(tx, job)
        log = JobLog(self._logs, ended)
        return job_view(ended, output=log.output(), log_size=log.size)

    def cancel_active_of(self, agent_id: str) -> int:
        """Cancel what *agent_id* holds, and return how many executions that were."""
        with self._store.write() as tx:
            active = tx.jobs.active_of_agent(agent_id)
            for job in active:
                self._cancel(tx, job)
        return len(active)

    def _cancel(self, tx: Transaction, job: JobRecord) -> JobRecord:
        ending = Ending(
            log_size=self._logs.size(job.number),
            error=CANCELLED_BY_USER,
            cause=Cause.CANCELLED,
            closing_line=CANCEL_LINE,
        )
        return self._settler.end(tx, job, Event.FAIL, ending, now=self._clock())


def get_job(view: View, job_id: str) -> JobRecord:
    """Return the record of *job_id*.

    Raises:
        NotFound: No such execution.
    """
    job = view.jobs.find(job_number(job_id))
    if job is None:
        raise NotFound("job", hint="`cictl jobs list` shows the newest ones")
    return job
