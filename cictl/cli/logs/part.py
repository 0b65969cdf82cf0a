"""Finds the bytes of a log to show: those of a step, those since an instant, and the last lines of what is left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure, not_found, usage
from cictl.cli.logs.source import LogSource
from cictl.cli.tables.steps import failed_step, step_names, step_text
from cictl.wire.jobs import JobExecution, LoggedStep, Step
from cictl_client import NotFound
from cictl_client.follow.logs import has_no_route

WINDOW = 65_536
POLL_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Part:
    """Bytes of a log, from `start` to just before `end`; without an `end`, to the end of the log as it grows.

    Attributes:
        step: Set when they are a step's.
    """

    start: int = 0
    end: int | None = None
    step: LoggedStep | None = None


class LogParts:
    """Finds the wanted part of one execution's log."""

    def __init__(self, source: LogSource) -> None:
        self._source = source
        self._client = source.client
        self._job_id = source.job_id

    def since(self, instant: datetime) -> int:
        """Return where the lines begin that came since *instant*."""
        try:
            offset = self._client.read_log(self._job_id, limit=0, since=instant).offset
        except NotFound as error:
            raise self._unsupported(error) from error
        return self.line_start(offset)

    def of_step(self, name: str, *, wait: bool) -> Part | None:
        """Return the part of the step with that name, its beginning, or that number.

        With *wait*, a step of the plan that has not begun is waited for; None when the job ends without it.

        Raises:
            Failure: There is no such step, or it has not begun.
        """
        job = self._client.get_job(self._job_id)
        wanted = _planned(job, name)
        while True:
            begun = self.begun()
            if any(step.index == wanted.index for step in begun):
                return self._part(begun, wanted.index)
            if job.status.is_terminal:
                if wait:
                    return None
                raise not_found(
                    f"step {step_text(wanted)} of {self._job_id} never began", hint=f"cictl jobs show {self._job_id}"
                )
            if not wait:
                raise not_found(f"step {step_text(wanted)} of {self._job_id} has not begun", hint="-f waits for it")
            time.sleep(POLL_SECONDS)
            job = self._client.get_job(self._job_id)

    def of_failed_step(self) -> Part:
        """Return the part of the step that the job failed in; the whole log where none began."""
        begun = self.begun()
        failed = failed_step(self._client.get_job(self._job_id), begun)
        return self._part(begun, failed.index) if failed else Part()

    def begun(self) -> list[LoggedStep]:
        """Return the steps that have begun."""
        try:
            return self._client.list_steps(self._job_id)
        except NotFound as error:
            raise self._unsupported(error) from error

    def tail(self, part: Part, lines: int) -> Part:
        """Return the last *lines* lines of *part*, as it is now."""
        end = self._size() if part.end is None else part.end
        start, found = end, b""
        # Backwards in windows until there are enough newlines. One at the very end closes the last line, and begins none.
        while lines and start > part.start and found.rstrip(b"\n").count(b"\n") < lines:
            width = min(WINDOW, start - part.start)
            start -= width
            found = self._read(start, width) + found
        kept = found.splitlines(keepends=True)[-lines:] if lines else []
        return Part(start=start + len(found) - sum(map(len, kept)), end=part.end, step=part.step)

    def line_start(self, offset: int) -> int:
        """Return the start of the first line at *offset* or later, else the log's end."""
        if offset == 0:
            return 0
        # One byte earlier: if that is a newline, a line begins at *offset* itself.
        position = offset - 1
        while True:
            piece = self._source.read(offset=position, limit=WINDOW)
            newline = piece.data.find(b"\n")
            if newline >= 0:
                return position + newline + 1
            if not piece.data:
                return max(offset, position)
            position += len(piece.data)

    def _part(self, begun: Sequence[LoggedStep], index: int) -> Part:
        step = next(step for step in begun if step.index == index)
        after = next((other for other in begun if other.index > index), None)
        end = None if after is None else self.line_start(after.log_offset)
        return Part(start=self.line_start(step.log_offset), end=end, step=step)

    def _size(self) -> int:
        return self._source.read(offset=0, limit=1).size

    def _read(self, offset: int, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self._source.read(offset=offset + len(data), limit=count - len(data))
            if not piece.data:
                break
            data += piece.data
        return data

    def _unsupported(self, error: NotFound) -> Exception:
        """Return what to raise: a server without the route also answers 404, but its job exists."""
        if not has_no_route(error):
            return error
        return Failure(
            "this server does not keep the times and steps of logs",
            exit_code=ExitCode.ERROR,
            code="unsupported",
            hint=f"`cictl jobs logs {self._job_id}` shows the whole log",
        )


def _planned(job: JobExecution, name: str) -> Step:
    """Return the step of the plan that *name* means.

    Raises:
        Failure: None, or several.
    """
    plan = job.step_plan
    same = [step for step in plan if name in step_names(step)]
    begin = name.casefold()
    found = same or [step for step in plan if any(n.casefold().startswith(begin) for n in step_names(step)[1:])]
    if len(found) == 1:
        return found[0]
    names = ", ".join(step_text(step) for step in job.step_plan)
    if found:
        raise usage(f"step {name!r} is ambiguous: {', '.join(map(step_text, found))}", hint="its number will do")
    hint = f"its steps: {names}" if names else f"it has no steps; `cictl jobs logs {job.id}` shows the whole log"
    raise not_found(f"{job.id} has no step {name!r}", hint=hint)
