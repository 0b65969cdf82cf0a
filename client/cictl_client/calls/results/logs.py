"""Calls about logs: reading, following, and where each step begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from cictl.wire import words
from cictl.wire.jobs import JobSteps, LoggedStep
from cictl.wire.results.log_lines import LogHits, LogLines
from cictl_client.answers import Asked, shapeless
from cictl_client.calls.calls import Calls, given
from cictl_client.calls.paths import job_path
from cictl_client.follow import logs as following
from cictl_client.follow.logs import LogChunk
from cictl_client.retry import OnReconnect


class LogCalls(Calls):
    """The logs of executions."""

    def read_log(
        self, job_id: str, *, offset: int = 0, limit: int | None = None, since: datetime | None = None
    ) -> LogChunk:
        """Return a piece of the log.

        Args:
            limit: Bytes at most; None for as many as the server gives at once, which are 8 MiB.
            since: Leave out what the server received before this instant; the piece still begins at *offset* or later.
        """
        params = given(offset=offset, limit=limit, since=since.isoformat() if since else None)
        response = self._transport.send("GET", f"{job_path(job_id)}/log", params=params)
        size = response.headers.get(words.LOG_SIZE, "")
        if not size.isdigit():
            raise shapeless(
                Asked(self._transport.base_url, f"{job_path(job_id)}/log"), response, f"no {words.LOG_SIZE}"
            )
        is_complete = response.headers.get(words.LOG_COMPLETE) == "true"
        begin = response.headers.get(words.LOG_OFFSET, "")
        offset = int(begin) if begin.isdigit() else offset
        return LogChunk(data=response.body, offset=offset, size=int(size), complete=is_complete)

    def read_log_lines(
        self, job_id: str, *, first: int | None = None, offset: int | None = None, count: int = 300
    ) -> LogLines:
        """Return lines of the log.

        Args:
            first: The number of the first line wanted, from 1.
            offset: Instead of *first*: begin with the line that has this byte. Without either, the last lines are returned.
            count: 1 to 1000. There are fewer where they are long.
        """
        params = given(offset=offset, count=count) | ({} if first is None else {"from": first})
        return self._transport.get(LogLines, f"{job_path(job_id)}/log/lines", params=params)

    def search_log(self, job_id: str, text: str, *, offset: int = 0, max_hits: int = 100) -> LogHits:
        """Return the lines of the log that have *text*, in whatever case.

        The server looks through 16 MiB at most, so go on with `next_offset` as *offset* until it is None.

        Args:
            text: 1 to 400 characters of one line.
            offset: The byte to begin with.
            max_hits: 1 to 500.
        """
        params = given(q=text, offset=offset, max=max_hits)
        return self._transport.get(LogHits, f"{job_path(job_id)}/log/search", params=params)

    def list_steps(self, job_id: str) -> list[LoggedStep]:
        """Return the steps of an execution that have begun, with where the log of each begins."""
        return self._transport.get(JobSteps, f"{job_path(job_id)}/steps").steps

    def follow_log(
        self,
        job_id: str,
        *,
        offset: int = 0,
        times: bool = False,
        on_reconnect: OnReconnect | None = None,
        deadline: Callable[[], bool] | None = None,
    ) -> Iterator[LogChunk]:
        """Yield the log as it grows, until the execution is over, through outages; each byte comes exactly once.

        Args:
            offset: The byte to begin with.
            times: Whether each chunk has its `received_utc`, which makes many small chunks.
            on_reconnect: Called with each passing error, before the next attempt.
            deadline: Called after each piece of data from the server, of which one comes at least every 15 s; the iterator
                ends once it returns true.

        Raises:
            NotFound: There is no such execution, or it was deleted.
            UnexpectedAnswer: The server left bytes out, and did so again when asked once more.

        ```python
        import sys

        from cictl_client import Client

        with Client("http://127.0.0.1:8112") as client:
            for chunk in client.follow_log("job-1795417944657170849"):
                sys.stdout.buffer.write(chunk.data)
        ```
        """
        return following.follow_log(
            self._transport, job_id, offset=offset, times=times, on_reconnect=on_reconnect, deadline=deadline
        )
