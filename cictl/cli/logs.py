"""Show one job's log: whole, its end, or as it grows."""

from __future__ import annotations

from collections.abc import Iterator

from cictl.cli.job_views import result_code
from cictl.cli.log_output import read_piece
from cictl.cli.session import Session
from cictl.exit_codes import ExitCode
from cictl.plain import LogCleaner
from cictl.render import write_bytes
from cictl_client import LogChunk

WINDOW = 65_536


class LogView:
    """Writes the log of one job execution to stdout.

    Args:
        raw: Write the bytes as they are, control sequences included.
    """

    def __init__(self, session: Session, job_id: str, *, raw: bool) -> None:
        self._session = session
        self._client = session.client
        self._job_id = job_id
        self._cleaner = None if raw else LogCleaner()
        self._position = 0

    def tail_offset(self, lines: int) -> int:
        """Return the byte at which the last *lines* lines of the log begin."""
        size = read_piece(self._client, self._job_id, offset=0, limit=1).size
        if lines == 0:
            return size
        start, found = size, b""
        while start > 0 and found.rstrip(b"\n").count(b"\n") < lines:
            width = min(WINDOW, start)
            start -= width
            found = self._read(start, width) + found
        kept = found.splitlines(keepends=True)[-lines:]
        return start + len(found) - sum(map(len, kept))

    def write_once(self, offset: int) -> None:
        """Write the log from *offset* to where it ends now."""
        for chunk in self._chunks(offset):
            self._write(chunk.data)
        self._close()

    def follow(self, offset: int) -> ExitCode:
        """Write the log as it grows, and return the job's result when it is over."""
        self._position = offset
        try:
            for chunk in self._client.follow_log(self._job_id, offset=offset, on_reconnect=self._lost):
                self._write(chunk.data)
                self._position = chunk.offset + len(chunk.data)
            self._close()
            return result_code([self._client.wait_for_job(self._job_id, on_reconnect=self._lost)])
        except KeyboardInterrupt:
            self._session.note("")
            command = f"cictl jobs logs -f {self._job_id} --offset {self._position}"
            self._session.note(f"interrupted; the job goes on. Attach again with: {command}")
            return ExitCode.INTERRUPTED

    def _read(self, offset: int, count: int) -> bytes:
        data = b""
        while len(data) < count:
            chunk = read_piece(self._client, self._job_id, offset=offset + len(data), limit=count - len(data))
            if not chunk.data:
                break
            data += chunk.data
        return data

    def _chunks(self, offset: int) -> Iterator[LogChunk]:
        while True:
            chunk = read_piece(self._client, self._job_id, offset=offset)
            yield chunk
            offset += len(chunk.data)
            if not chunk.data or offset >= chunk.size:
                return

    def _lost(self, error: Exception) -> None:
        self._session.note(f"connection lost ({error}); trying again")

    def _write(self, data: bytes) -> None:
        write_bytes(self._session.stdout, self._cleaner.feed(data) if self._cleaner else data)

    def _close(self) -> None:
        if self._cleaner:
            write_bytes(self._session.stdout, self._cleaner.close())
