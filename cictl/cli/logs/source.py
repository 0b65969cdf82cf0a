"""Where the bytes of a log come from: pieces of what there is, or chunks as it grows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cictl_client import Client, LogChunk, NotFound


def _at_once(request: Callable[[], LogChunk]) -> LogChunk:
    return request()


class LogSource:
    """The log of one job execution on the server.

    Args:
        on_lost: Called with each passing error of a log that is followed.
        through: Makes a request for a piece; one that waits out an outage, for example.
    """

    def __init__(
        self,
        client: Client,
        job_id: str,
        *,
        on_lost: Callable[[Exception], None],
        through: Callable[[Callable[[], LogChunk]], LogChunk] = _at_once,
    ) -> None:
        self.client = client
        self.job_id = job_id
        self._on_lost = on_lost
        self._through = through

    def read(self, *, offset: int, limit: int | None = None) -> LogChunk:
        """Return a piece of the log; from a server without logs by offset, a piece of the job's output."""
        return self._through(lambda: self._read(offset, limit))

    def pieces(self, *, start: int, end: int | None) -> Iterator[LogChunk]:
        """Yield the pieces from *start* to *end*, or to where the log ends now."""
        while True:
            chunk = self.read(offset=start)
            yield chunk
            start += len(chunk.data)
            if not chunk.data or start >= (chunk.size if end is None else min(end, chunk.size)):
                return

    def timed_pieces(self, *, start: int, end: int | None) -> Iterator[LogChunk]:
        """Yield the same with the times at which they came; the server tells these to followers only."""
        size = self.read(offset=start, limit=0).size
        end = size if end is None else min(end, size)
        if start >= end:
            return
        for chunk in self.follow(start=start, times=True):
            yield chunk
            if chunk.offset + len(chunk.data) >= end:
                return

    def follow(
        self, *, start: int, times: bool = False, is_stopped: Callable[[], bool] | None = None
    ) -> Iterator[LogChunk]:
        """Yield the chunks from *start* on as they come, until the job is over or *is_stopped* says so."""
        return self.client.follow_log(
            self.job_id, offset=start, times=times, on_reconnect=self._on_lost, deadline=is_stopped
        )

    def _read(self, offset: int, limit: int | None) -> LogChunk:
        try:
            return self.client.read_log(self.job_id, offset=offset, limit=limit)
        except NotFound:
            job = self.client.get_job(self.job_id)
        output = job.output.encode()
        piece = output[offset : None if limit is None else offset + limit]
        return LogChunk(data=piece, offset=offset, size=len(output), complete=job.status.is_terminal)
