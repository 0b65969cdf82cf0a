"""Show the logs of jobs: whole, a part of them, or as they grow."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure, usage
from cictl.cli.app.interrupts import interrupted_after
from cictl.cli.app.session import Session
from cictl.cli.logs.excerpt import ExcerptSink
from cictl.cli.logs.filter import LineSink, LogFilter, Sink, stamped
from cictl.cli.logs.part import LogParts, Part
from cictl.cli.logs.records import LogLine, as_records, lines_result
from cictl.cli.logs.source import LogSource
from cictl.cli.logs.writer import LineEnd, LogWriter
from cictl.cli.outcome import outcome, result_code
from cictl.cli.output.data import Format, to_json_line
from cictl.cli.output.outage import lost_text
from cictl.cli.output.text import is_terminal, write_bytes
from cictl.cli.short_ids import label, label_in_chain, quoted, short_id
from cictl.wire.jobs import JobExecution, JobStatus, LoggedStep
from cictl_client import LogChunk

FAILED_LINES = 60
"""The most lines of a failed step that `--failed` shows by itself."""


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class LogOptions:
    """What to show of a log, and how: the options of `cictl jobs logs`."""

    offset: int = 0
    tail: int | None = None
    since: datetime | None = None
    step: str = ""
    failed: bool = False
    pattern: re.Pattern[str] | None = None
    timestamps: bool = False
    raw: bool = False

    @property
    def is_excerpt(self) -> bool:
        """Whether a failed step is shown from its failing part; options that choose lines themselves choose of all."""
        return self.failed and self.tail is None and self.since is None and self.pattern is None

    def check(self, *, follow: bool, of_run: bool) -> None:
        """Refuse options that exclude each other.

        Raises:
            Failure: The options exclude each other.
        """
        parts = {"--tail": self.tail is not None, "--since": self.since, "--step": self.step, "--failed": self.failed}
        chosen = [name for name, value in parts.items() if value]
        if self.offset and chosen:
            raise usage(f"{chosen[0]} and --offset exclude each other")
        if self.step and self.failed:
            raise usage("--step and --failed exclude each other")
        if self.failed and follow:
            raise usage("--failed and --follow exclude each other: what still runs has not failed")
        if of_run and self.offset:
            raise usage("--offset is for the log of one job", hint="name the job instead of --run")
        if of_run and follow and (chosen or self.pattern or self.timestamps or self.raw):
            raise usage("--run with --follow shows whole logs only", hint="name one job, or leave out --follow")

    def again(self, offset: int) -> str:
        """Return the options with which a follower goes on at *offset*."""
        options = [f"--offset {offset}"]
        if self.pattern is not None:
            options.append(f"--grep {shlex.quote(self.pattern.pattern)}")
        options += [word for word, is_on in (("--timestamps", self.timestamps), ("--raw", self.raw)) if is_on]
        return " ".join(options)


def pattern(text: str) -> re.Pattern[str]:
    """Return the regular expression of `--grep`.

    Raises:
        Failure: *text* is not one.
    """
    try:
        return re.compile(text)
    except re.error as error:
        raise usage(f"--grep {text!r}: {error}") from error


class LogView:
    """Writes the wanted part of one log: from its source, through the filter, into the sink.

    Attributes:
        position: The byte behind the last one that was written.
    """

    def __init__(
        self,
        source: LogSource,
        wanted: LogOptions,
        sink: Sink,
        *,
        at_end: Callable[[], None] = _nothing,
        by_line: LineSink | None = None,
        ends_line: bool = False,
    ) -> None:
        """Prepare.

        Args:
            at_end: Called when all is written.
            by_line: Takes the lines as data instead of *sink*: whole, without an excerpt.
            ends_line: End the last line if the log does not, so that a terminal's prompt begins a line.
        """
        self._source = source
        self._wanted = wanted
        self._parts = LogParts(source)
        self._line_end = LineEnd(sink) if ends_line else None
        sink = self._line_end or sink
        self._excerpt = ExcerptSink(sink, FAILED_LINES) if wanted.is_excerpt and by_line is None else None
        sink = self._excerpt.feed if self._excerpt else sink
        by_line = by_line or (stamped(sink) if wanted.timestamps else None)
        self._is_timed = by_line is not None
        self._filter = LogFilter(sink, raw=wanted.raw, pattern=wanted.pattern, by_line=by_line)
        self._at_end = at_end
        self.position = 0
        self._step: LoggedStep | None = None

    def left_out(self, name: str) -> str:
        """Return how many lines of the job *name* were left out, and how to see them; empty for none."""
        if self._excerpt is None or not self._excerpt.excerpt.left_out:
            return ""
        excerpt, step = self._excerpt.excerpt, self._step
        command = f"cictl jobs logs {quoted([name])}" + (f" --step {step.index}" if step else "")
        return f"{excerpt.left_out:,} of {excerpt.total:,} lines are left out; `{command}` shows all"

    def write_once(self) -> bool:
        """Write the log as far as it has grown, and tell whether there was anything to write."""
        part = self._part(wait=False) or Part()
        self._step = part.step
        pieces = self._source.timed_pieces if self._is_timed else self._source.pieces
        for chunk in pieces(start=part.start, end=part.end):
            self._feed(chunk, part.end)
        self._close()
        return self._filter.found

    def follow(self, *, is_stopped: Callable[[], bool] | None = None) -> bool:
        """Write the log as it grows, until the job is over or *is_stopped* says so.

        Return whether what is wanted is a step that is over while the job goes on.
        """
        part = self._part(wait=True)
        return part is not None and self._follow_part(part, is_stopped)

    def _part(self, *, wait: bool) -> Part | None:
        wanted = self._wanted
        part: Part | None = Part(start=wanted.offset)
        if wanted.failed:
            part = self._parts.of_failed_step()
        elif wanted.step:
            part = self._parts.of_step(wanted.step, wait=wait)
        if part is not None and wanted.since is not None:
            since = self._parts.since(wanted.since)
            part = Part(start=max(part.start, since), end=part.end, step=part.step)
        return part if part is None or wanted.tail is None else self._parts.tail(part, wanted.tail)

    def _follow_part(self, part: Part, is_stopped: Callable[[], bool] | None) -> bool:
        self.position = part.start
        end = part.end
        if end is None or part.start < end:
            for chunk in self._source.follow(start=part.start, times=self._is_timed, is_stopped=is_stopped):
                if is_stopped is not None and is_stopped():
                    return False
                # Where a step ends is known only once the next one has begun, so each chunk may be its last.
                end = self._end_of(part) if end is None else end
                self._feed(chunk, end)
                if end is not None and self.position >= end:
                    break
        self._close()
        return end is not None and self.position >= end

    def _end_of(self, part: Part) -> int | None:
        """Return where the step that *part* is ends, as soon as the next one has begun."""
        if part.step is None:
            return None
        after = next((step for step in self._parts.begun() if step.index > part.step.index), None)
        return None if after is None else self._parts.line_start(after.log_offset)

    def _feed(self, chunk: LogChunk, end: int | None) -> None:
        data = chunk.data if end is None else chunk.data[: max(0, end - chunk.offset)]
        # A Ctrl-C between these two lines would show bytes again, or leave some out, where the user attaches again.
        with interrupted_after():
            self._filter.feed(data, chunk.received_utc)
            self.position = chunk.offset + len(chunk.data)

    def _close(self) -> None:
        self._filter.close()
        if self._excerpt is not None:
            self._excerpt.close()
        if self._line_end is not None:
            self._line_end.close()
        self._at_end()


def follow_log(session: Session, job_id: str, wanted: LogOptions) -> ExitCode:
    """Write the log of one job as it grows, and return the job's result when it is over.

    Of a step: 0 when the next one begins. With `-o json` each line is an object.

    Raises:
        Failure: The format can't show what goes on.
    """
    if session.wants_data and (session.options.get("query") or session.output != Format.JSON):
        raise usage("--follow goes with text and -o json only")
    write = partial(write_bytes, session.stdout)
    by_line = as_records(job_id, lambda line: write(to_json_line(line).encode())) if session.wants_data else None
    view = LogView(_source(session, job_id), wanted, write, by_line=by_line, ends_line=is_terminal(session.stdout))
    try:
        if view.follow():
            return ExitCode.OK
        return result_code([session.client.wait_for_job(job_id, on_reconnect=partial(_note_lost, session))])
    except KeyboardInterrupt:
        session.note("")
        command = f"cictl jobs logs -f {job_id} {wanted.again(view.position)}"
        session.note(f"interrupted; the job goes on. Attach again with: {command}{session.server_options}")
        return ExitCode.INTERRUPTED


def show_log(session: Session, job_id: str, wanted: LogOptions) -> None:
    """Write the log of one job as far as it has grown.

    Raises:
        Failure: `--grep` found nothing.
    """
    job = session.client.get_job(job_id) if wanted.failed else None
    is_wanted = job is None or _has_failed(session, job)
    if session.wants_data:
        _show_lines(session, [job_id] if is_wanted else [], wanted)
        return
    if not is_wanted:
        return
    view = LogView(
        _source(session, job_id), wanted, partial(write_bytes, session.stdout), ends_line=is_terminal(session.stdout)
    )
    is_found = view.write_once()
    session.note(view.left_out(short_id(job) if job else job_id))
    _expect(is_found, wanted)


def show_logs(session: Session, jobs: list[JobExecution], wanted: LogOptions) -> None:
    """Write the logs of several jobs, one after the other, each line behind the name of its job.

    Raises:
        Failure: `--grep` found nothing.
    """
    jobs = [job for job in jobs if job.started_utc is not None]
    if wanted.failed:
        jobs = [job for job in jobs if job.status is JobStatus.FAILED]
        if not jobs:
            session.note("no job of the run has failed")
    if session.wants_data:
        _show_lines(session, [job.id for job in jobs], wanted)
        return
    name = label if len({job.facts.pipeline_run_id for job in jobs}) == 1 else label_in_chain
    writer = LogWriter(session.stdout, labelled=len(jobs) > 1)
    is_found = False
    for job in jobs:
        sink, at_end = partial(writer.feed, name(job)), partial(writer.end, name(job))
        view = LogView(_source(session, job.id), wanted, sink, at_end=at_end)
        is_found = view.write_once() or is_found
        session.note(view.left_out(short_id(job)))
    _expect(is_found, wanted)


def _show_lines(session: Session, job_ids: list[str], wanted: LogOptions) -> None:
    """Show the wanted lines of some logs as data, in one document."""
    lines: list[LogLine] = []
    for job_id in job_ids:
        view = LogView(_source(session, job_id), wanted, lambda _: None, by_line=as_records(job_id, lines.append))
        view.write_once()
    _expect(bool(lines), wanted)
    session.show(lines_result(lines))


def _source(session: Session, job_id: str) -> LogSource:
    return LogSource(session.client, job_id, on_lost=partial(_note_lost, session))


def _note_lost(session: Session, error: Exception) -> None:
    session.note(lost_text(error))


def _has_failed(session: Session, job: JobExecution) -> bool:
    if job.status is not JobStatus.FAILED:
        session.note(f"{short_id(job)} has not failed: {outcome(job)}")
    return job.status is JobStatus.FAILED


def _expect(is_found: bool, wanted: LogOptions) -> None:
    if wanted.pattern is not None and not is_found:
        raise Failure(f"no line matches {wanted.pattern.pattern!r}", exit_code=ExitCode.ERROR, code="no_match")
