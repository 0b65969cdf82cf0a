"""The log of one execution by its lines."""

from __future__ import annotations

from dataclasses import dataclass

from cictl.wire.log_lines import LogHits, LogLines
from cictl_server.services.history.lookup import get_job
from cictl_server.services.logs.book import LogBook
from cictl_server.services.logs.line_index import LineIndex
from cictl_server.services.logs.lines import LinedLog
from cictl_server.services.logs.reader import JobLog
from cictl_server.services.logs.search import search
from cictl_server.store.contract import Store
from cictl_server.store.records import JobRecord


@dataclass(frozen=True, kw_only=True)
class LogLinesService:
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
        with self.store.read() as view:
            job = get_job(view, job_id)
        return self.lined_of(job)

    def lined_of(self, job: JobRecord) -> LinedLog:
        """Return the lines of the log of *job*, as they are now."""
        return self.index.lined(JobLog(self.logs, job))
