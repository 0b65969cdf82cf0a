"""The log of one execution as readers see it: the agent's bytes, then the server's closing line, if it has one."""

from __future__ import annotations

from dataclasses import dataclass

from cictl_server.services.logs import SNAPSHOT_LIMIT, LogFiles
from cictl_server.store.records import JobRecord


@dataclass(frozen=True, kw_only=True)
class LogSlice:
    """A piece of a log.

    Attributes:
        offset: Byte position of `data` from the start.
        size: Bytes of the whole log as far as it is known.
        complete: Whether the execution is over, so that `size` is final.
    """

    data: bytes
    offset: int
    size: int
    complete: bool


class JobLog:
    """A reader of one execution's log, as of the moment its record was read.

    A finished execution's log ends where its record says: bytes that its agent sent after a cancel do not count.
    """

    def __init__(self, files: LogFiles, job: JobRecord) -> None:
        self._files = files
        self._job = job
        self._stored = job.log_size if job.status.is_terminal else files.size(job.log_name)
        self._tail = self._closing()

    @property
    def size(self) -> int:
        return self._stored + len(self._tail)

    def read(self, *, offset: int, limit: int) -> LogSlice:
        """Return up to *limit* bytes from *offset*; past the end there are none."""
        stored = max(0, min(limit, self._stored - offset))
        data = self._files.read(self._job.log_name, offset=offset, limit=stored) if stored else b""
        if len(data) == stored and len(data) < limit:
            start = max(0, offset - self._stored)
            data += self._tail[start : start + limit - len(data)]
        return LogSlice(data=data, offset=offset, size=self.size, complete=self._job.status.is_terminal)

    def output(self) -> str:
        """Return the last 512 KiB as text, the `output` of a job view."""
        start = max(0, self.size - SNAPSHOT_LIMIT)
        return self.read(offset=start, limit=SNAPSHOT_LIMIT).data.decode(errors="replace")

    def _closing(self) -> bytes:
        if not self._job.closing_line:
            return b""
        last = self._files.read(self._job.log_name, offset=self._stored - 1, limit=1) if self._stored else b"\n"
        return (b"" if last == b"\n" else b"\n") + self._job.closing_line.encode()
