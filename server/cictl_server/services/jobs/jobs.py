"""A single execution: its record, its state, its steps, its log. Lists of them are in `lists`."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import datetime

import msgspec

from cictl.wire.jobs import (
    BlockedBy,
    JobExecution,
    JobState,
    JobSteps,
)
from cictl_server.errors import NotFound
from cictl_server.log_writer.contract import Arrivals
from cictl_server.services.core.hub import Following, Hub, IsOver
from cictl_server.services.core.ids import job_number
from cictl_server.services.fleet.matching import Matching
from cictl_server.services.history.lookup import get_job
from cictl_server.services.jobs.endings.culprit import blocked_by
from cictl_server.services.jobs.views import holds_of, job_state, job_view
from cictl_server.services.logs.book import LogBook
from cictl_server.services.logs.reader import JobLog, LogSlice
from cictl_server.services.policies import Policies
from cictl_server.signals.topics import job_topic
from cictl_server.signals.waits import Awaited
from cictl_server.store.contract import Store

_SLICE = 65_536
_BLOCK = 1 << 18


class JobService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    logs: LogBook
    hub: Hub
    matching: Matching
    policies: Policies

    def get_job(self, job_id: str, *, reads_log: bool = True) -> JobExecution:
        """Return one execution with the end of its log, unless that is not wanted.

        Raises:
            NotFound: No such execution.
        """
        with self.store.read() as view:
            job = get_job(view, job_id)
            holds = holds_of([job], self.policies.of_jobs(view))
        log = JobLog(self.logs, job)
        candidates = self.matching.candidates()
        return job_view(
            job, candidates=candidates, holds=holds, output=log.output() if reads_log else "", log_size=log.size
        )

    def get_state(self, job_id: str) -> JobState:
        """Return the state alone, for clients that poll; reads no log.

        Raises:
            NotFound: No such execution.
        """
        with self.store.read() as view:
            job = get_job(view, job_id)
            holds = holds_of([job], self.policies.of_jobs(view))
        return job_state(job, holds=holds, log_size=JobLog(self.logs, job).size)

    def read_log(self, job_id: str, *, offset: int, limit: int) -> LogSlice:
        """Return a piece of the log.

        Raises:
            NotFound: No such execution.
        """
        with self.store.read() as view:
            job = get_job(view, job_id)
        return JobLog(self.logs, job).read(offset=offset, limit=limit)

    def iter_log(self, job_id: str, *, offset: int, length: int) -> Iterator[bytes]:
        """Yield *length* bytes of the log from *offset* on; fewer if the log is deleted meanwhile."""
        end = offset + length
        while offset < end:
            try:
                piece = self.read_log(job_id, offset=offset, limit=min(end - offset, _BLOCK))
            except NotFound:
                return
            if not piece.data:
                return
            yield piece.data
            offset += len(piece.data)

    def log_offset_since(self, job_id: str, instant: datetime) -> int:
        """Return the offset of the first byte that arrived at *instant* or later.

        Raises:
            NotFound: No such execution.
        """
        with self.store.read() as view:
            job = get_job(view, job_id)
        return JobLog(self.logs, job).offset_since(instant)

    def steps(self, job_id: str) -> JobSteps:
        """Return the steps that have begun.

        Raises:
            NotFound: No such execution.
        """
        with self.store.read() as view:
            job = get_job(view, job_id)
        return JobSteps(steps=self.logs.index.steps(job.log_name))

    def follow_log(
        self, job_id: str, *, offset: int, is_timed: bool = False, is_over: IsOver = lambda: False
    ) -> Generator[LogSlice | JobState | Awaited | None, None, None]:
        """Yield the log from *offset* as it grows, then the final state.

        Yields None after 15 seconds without news, so that the caller can keep its connection alive, and between all of it what
        is awaited, see `signals.waits`. Ends early when the server stops.

        Args:
            is_over: Whether the follower may follow no more; the iterator ends within seconds.
            is_timed: Cut the pieces so that the bytes of each arrived at the same time.

        Raises:
            NotFound: The execution was deleted.
        """
        arrivals: Arrivals | None = None
        with self.hub.watch(job_topic(job_number(job_id))) as watch:
            following = Following(watch, is_over=is_over)
            while not (self.hub.is_closed or is_over()):
                watch.clear()
                with self.store.read() as view:
                    job = get_job(view, job_id)
                # A requeued execution begins a new log under another name, with times of its own.
                if is_timed and (arrivals is None or arrivals.name != job.log_name):
                    arrivals = self.logs.index.arrivals(job.log_name)
                piece = JobLog(self.logs, job).read(offset=offset, limit=_SLICE, arrivals=arrivals)
                if piece.data:
                    offset += len(piece.data)
                    yield piece
                    following.told()
                elif piece.complete:
                    yield self.get_state(job_id)
                    return
                else:
                    yield from following.wait()

    def blocked_by(self, job_id: str) -> BlockedBy:
        """Tell whether an execution ended because of another one, and which that was.

        Raises:
            NotFound: No such execution.
        """
        with self.store.read() as view:
            return blocked_by(view, get_job(view, job_id))
