"""The log of one execution by its lines."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property

import msgspec

from cictl.wire.jobs import JobStatus, LoggedStep
from cictl.wire.results.log_lines import LogHits, LogLines
from cictl_server.services.history.lookup import get_job
from cictl_server.services.logs.book import LogBook
from cictl_server.services.logs.line_index import LineIndex
from cictl_server.services.logs.lines import LinedLog
from cictl_server.services.logs.reader import JobLog
from cictl_server.services.logs.search import search
from cictl_server.store.contract import Store
from cictl_server.store.records.jobs import JobRecord


class LinedStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step that has begun, by its lines.

    Attributes:
        title: What people call it.
        first: Its first line, which may not be there yet.
        finished: When the next one began, or the execution ended; None for the one that goes on.
        failed: The execution failed in it.
    """

    index: int
    title: str
    first: int
    started: datetime
    finished: datetime | None
    failed: bool


class OpenLog(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The log of one execution at one moment, with its steps. Its bytes are read when somebody asks for lines or steps.

    Attributes:
        begun: The steps that have begun, by their offsets.
    """

    job: JobRecord
    log: JobLog
    begun: list[LoggedStep]
    index: LineIndex

    @cached_property
    def lined(self) -> LinedLog:
        return self.index.lined(self.log)

    @cached_property
    def steps(self) -> list[LinedStep]:
        return _lined_steps(self.job, self.lined, self.begun)

    @property
    def key(self) -> str:
        """What is another one as soon as the log or its steps are."""
        return f"{self.log.name} {self.log.size} {self.log.is_complete} {len(self.begun)}"


class LogLinesService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    logs: LogBook
    index: LineIndex

    def read(self, job_id: str, *, count: int, first: int | None = None, offset: int | None = None) -> LogLines:
        """Return up to *count* lines: from line *first* on, or from that with the byte at *offset* on, or the last ones.

        Raises:
            NotFound: No such execution.
        """
        lined = self.lined(job_id)
        if first is None and offset is not None:
            first = lined.number_at(offset)
        elif first is None:
            first = max(1, lined.total - count + 1)
        return lined.window(max(1, first), count)

    def search(self, job_id: str, text: str, *, offset: int, most: int) -> LogHits:
        """Return lines that have *text* among those that begin at *offset* or later.

        Raises:
            NotFound: No such execution.
        """
        return search(self.lined(job_id), text, offset=offset, most=most)

    def lined(self, job_id: str) -> LinedLog:
        """Return the lines as they are now.

        Raises:
            NotFound: No such execution.
        """
        return self._lined(self._job(job_id))

    def open(self, job_id: str) -> OpenLog:
        """Return the log as it is now, with its steps.

        Raises:
            NotFound: No such execution.
        """
        job = self._job(job_id)
        log = JobLog(self.logs, job)
        return OpenLog(job=job, log=log, begun=self.logs.index.steps(job.log_name), index=self.index)

    def _job(self, job_id: str) -> JobRecord:
        with self.store.read() as view:
            return get_job(view, job_id)

    def _lined(self, job: JobRecord) -> LinedLog:
        return self.index.lined(JobLog(self.logs, job))


def _lined_steps(job: JobRecord, lined: LinedLog, begun: list[LoggedStep]) -> list[LinedStep]:
    titles = {step.index: step.title for step in job.step_plan}
    ends = [*(step.started_utc for step in begun[1:]), job.finished][: len(begun)]
    failed = job.failed_step or (begun[-1].index if begun and job.status is JobStatus.FAILED else 0)
    return [
        LinedStep(
            index=step.index,
            title=titles.get(step.index) or step.name,
            first=lined.first_from(step.log_offset),
            started=step.started_utc,
            finished=finished,
            failed=step.index == failed,
        )
        for step, finished in zip(begun, ends, strict=True)
    ]
