"""Wait for the job executions of a run: state lines and logs as they come, the result as exit code.

One loop in the main thread polls the states, woken by the server's events, so that Ctrl-C and time limits act at once; with logs, one thread per
execution follows its log. Both go on through dropped connections, 5xx and server restarts. What is shown at the end is
in `ending`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from msgspec.structs import replace

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.cli.app.interrupts import interrupted_after
from cictl.cli.app.session import Session
from cictl.cli.jobs.ending import show_end
from cictl.cli.jobs.progress import Board, board_for
from cictl.cli.jobs.stuck import failure_if_stuck
from cictl.cli.logs.source import LogSource
from cictl.cli.logs.tail import LogTail
from cictl.cli.logs.view import LogOptions, LogView
from cictl.cli.logs.writer import LogWriter
from cictl.cli.output.outage import DeadlineReached, Outage
from cictl.cli.output.table import Result
from cictl.cli.output.text import is_terminal
from cictl.cli.short_ids import label as label_of
from cictl.cli.short_ids import label_in_chain, quoted, short_id
from cictl.cli.tables.jobs import state_text, summary_result
from cictl.wire.jobs import JobExecution, JobState, JobStatus
from cictl_client import Client, Conflict
from cictl_client.follow.changes import JobChanges

T = TypeVar("T")

MAX_LOGS = 20
"""Executions whose logs are followed at once; of more, only the failed ones' logs are shown."""

DRAIN_SECONDS = 30.0
"""How long to wait for the rest of the logs when all executions are over."""

NOTICE_SECONDS = 5.0
"""Connection notices come at most this often."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """How to wait.

    Attributes:
        follow: With logs.
        timeout: How many seconds; None for ever.
        cancel_on_interrupt: Ctrl-C cancels the jobs.
        is_alone: No agent will come that is not there yet, so what none can take ends the wait.
    """

    wait: bool = True
    follow: bool = False
    timeout: float | None = None
    cancel_on_interrupt: bool = False
    is_alone: bool = False

    @property
    def wanted(self) -> bool:
        return self.wait or self.follow


class Follower:
    """One wait for a set of job executions."""

    def __init__(
        self,
        session: Session,
        job_ids: Sequence[str],
        *,
        waiting: Waiting,
        run_id: str = "",
        result: Callable[[Sequence[JobExecution]], Result[Any]] = summary_result,
    ) -> None:
        """Prepare.

        Args:
            run_id: Of all the jobs, if they are of one run; for the command that attaches again.
            result: What `-o json` shows of the jobs at the end.
        """
        self._session = session
        self._patience = session.patience
        self._ids = list(job_ids)
        self._waiting = waiting
        self._run_id = run_id
        self._result = result
        self._first_attempts = {job_id: job_id for job_id in job_ids}
        self._names = {job_id: job_id for job_id in job_ids}
        self._labels: dict[str, str] = {}
        self._states: dict[str, JobState] = {}
        self._seen: dict[str, str] = {}
        self._last_steps: dict[str, str] = {}
        self._unmet: set[str] = set()
        self._tails: dict[str, LogTail] = {}
        self._changes = JobChanges(lambda is_over: session.new_client().events(deadline=is_over), self._ids)
        self._changed = frozenset(self._ids)
        self._stop = threading.Event()
        self._began = time.monotonic()
        self._unmet_check_at = self._began + self._patience.unmet_after_seconds
        deadline = None if waiting.timeout is None else self._began + waiting.timeout
        self._board = Board(session)
        self._outage = Outage(self._note, every=NOTICE_SECONDS, deadline=deadline)
        stream = session.stderr if session.wants_data else session.stdout
        self._writer = LogWriter(stream, labelled=len(self._ids) > 1)

    @property
    def _client(self) -> Client:
        return self._session.client

    @property
    def _attach(self) -> str:
        return attach_command(self._session, list(self._names.values()), self._run_id, logs=self._waiting.follow)

    def _note(self, text: str) -> None:
        self._board.note(text)

    def run(self) -> ExitCode:
        """Wait for the end and return the result.

        Raises:
            Failure: The time limit was reached; exit code 8, or 11 when no agent could take any of the jobs.
        """
        try:
            self._load()
            self._start_tails()
            self._poll_until_over()
            self._drain()
            return self._finish()
        except DeadlineReached:
            raise self._timed_out() from None
        except KeyboardInterrupt:
            return self._interrupted()
        finally:
            self._stop.set()
            self._changes.close()
            self._board.close()

    def _through(self, request: Callable[[], T]) -> T:
        return self._outage.through(request, pause=self._patience.retry_seconds)

    def _job(self, job_id: str) -> JobExecution:
        return self._through(partial(self._client.get_job, job_id))

    def _load(self) -> None:
        """Give each execution a label: the shortest of job, pipeline/job, short id and id that tells them apart.

        A single one has its short id.
        """
        jobs = [self._job(job_id) for job_id in self._ids]
        short = [label_of(job) for job in jobs]
        long = [label_in_chain(job) for job in jobs]
        names = [short_id(job) for job in jobs]
        ids = [job.id for job in jobs]
        several = len({job.facts.pipeline_id for job in jobs}) > 1
        choices = (long, names, ids) if several else (short, long, names, ids)
        labels = names if len(ids) == 1 else next(those for those in choices if len(set(those)) == len(ids))
        self._names = dict(zip(ids, names if len(set(names)) == len(ids) else ids, strict=True))
        self._labels = dict(zip(ids, labels, strict=True))
        if not self._waiting.follow:
            with interrupted_after():  # a picture that nobody knows of yet would keep the terminal's cursor
                self._board = board_for(self._session, jobs, self._labels)

    def _start_tails(self) -> None:
        if not self._waiting.follow or len(self._ids) > MAX_LOGS:
            return
        for job_id in self._ids:
            self._start_tail(job_id)

    def _start_tail(self, job_id: str) -> None:
        source = LogSource(self._session.new_client(), job_id, on_lost=self._outage.tell)
        tail = LogTail(self._view(source), self._names[job_id], stop=self._stop)
        tail.start()
        self._tails[job_id] = tail

    def _poll_until_over(self) -> None:
        open_ids = list(self._ids)
        while open_ids:
            began = time.monotonic()
            for job_id in [each for each in open_ids if each in self._changed]:
                state = self._through(partial(self._client.get_job_state, job_id))
                self._saw(job_id, state)
                if state.status.is_terminal:
                    open_ids.remove(job_id)
                if state.retried_by:
                    open_ids.append(state.retried_by)
                    self._take_up(state.retried_by, instead_of=job_id)
            self._raise_broken_pipe()
            self._board.tick()
            if open_ids:
                self._tell_unmet()
                # A big run must not be polled without a break: at most a third of the time goes into requests.
                # Of what the server tells, only what has changed is looked at, and at once.
                seconds = max(self._patience.poll_seconds, 2 * (time.monotonic() - began))
                self._outage.pause(seconds, self._wait_for_changes)

    def _take_up(self, job_id: str, *, instead_of: str) -> None:
        """Wait for the execution by which the server repeats another one, in the place of that."""
        self._ids[self._ids.index(instead_of)] = job_id
        self._first_attempts[job_id] = self._first_attempts[instead_of]
        name = short_id(self._job(job_id))
        label = self._labels[instead_of]
        self._labels[job_id] = name if label == self._names[instead_of] else label
        self._names[job_id] = name
        self._note(f"{label}: the server runs it again, as {name}")
        self._saw(job_id, self._through(partial(self._client.get_job_state, job_id)))
        self._changes.add(job_id)
        if self._tails:
            self._start_tail(job_id)

    def _wait_for_changes(self, seconds: float) -> None:
        self._changed = self._changes.wait(seconds)

    def _saw(self, job_id: str, state: JobState) -> None:
        self._states[job_id] = state
        self._last_steps[job_id] = state.current_step or self._last_steps.get(job_id, "")
        text = state_text(state)
        if self._seen.get(job_id) == text:
            return
        self._seen[job_id] = text
        # A picture has one place for all attempts.
        shown = replace(state, id=self._first_attempts[job_id])
        self._board.saw(shown, f"{self._labels[job_id]}: {text}")
        if state.status is JobStatus.FAILED and self._waiting.follow and len(self._ids) > MAX_LOGS:
            self._show_whole_log(job_id)

    def _tell_unmet(self) -> None:
        """Say once of each queued execution why no agent can take it; of five in a round, as each costs a request."""
        if time.monotonic() < self._unmet_check_at:
            return
        self._unmet_check_at = time.monotonic() + self._patience.unmet_after_seconds
        waiting = [i for i in self._ids if self._states[i].status is JobStatus.QUEUED and i not in self._unmet]
        for job_id in waiting[:5]:
            job = self._job(job_id)
            if job.status is JobStatus.QUEUED and job.unmet_requirements:
                self._unmet.add(job_id)
                if not self._waiting.is_alone:
                    reasons = ", ".join(job.unmet_requirements)
                    explain = f"cictl jobs explain {quoted([self._names[job_id]])}"
                    self._note(f"{self._labels[job_id]}: no agent can take it: {reasons}; `{explain}` tells more")
        if self._waiting.is_alone and self._unmet:
            left = {job_id: self._states[job_id] for job_id in self._open()}
            if failure := self._through(partial(failure_if_stuck, self._client, left, self._labels)):
                self._drain()
                raise failure

    def _raise_broken_pipe(self) -> None:
        """Raise in the main thread what a tail met when the reader of stdout went away; else the wait would go on."""
        for tail in self._tails.values():
            if isinstance(tail.error, BrokenPipeError):
                raise tail.error

    def _drain(self) -> None:
        """Wait for the rest of the logs of what is over: a job can be over before its last lines came."""
        until, waiting = time.monotonic() + DRAIN_SECONDS, self._open()
        for tail in (tail for job_id, tail in self._tails.items() if job_id not in waiting):
            tail.join(max(0.0, until - time.monotonic()))
            if tail.is_alive():
                self._session.note(f"{tail.name}: the rest did not arrive; `cictl jobs logs` shows it")
            elif tail.error is not None:
                self._raise_broken_pipe()
                self._session.note(f"{tail.name}: {tail.error}")

    def _finish(self) -> ExitCode:
        self._board.close()
        jobs = [self._job(job_id) for job_id in self._ids]
        code = show_end(
            self._session, jobs, labels=self._labels, last_steps=self._last_steps, has_logs=self._waiting.follow
        )
        if self._session.wants_data:
            self._session.show(self._result(jobs))
        return code

    def _show_whole_log(self, job_id: str) -> None:
        """Write the log of a failed execution: in a big run no thread has followed it."""
        source = LogSource(self._client, job_id, on_lost=self._outage.tell, through=self._through)
        self._view(source).write_once()

    def _view(self, source: LogSource) -> LogView:
        label = self._labels[source.job_id]
        return LogView(
            source,
            LogOptions(),
            partial(self._writer.feed, label),
            at_end=partial(self._writer.end, label),
            ends_line=is_terminal(self._session.stderr if self._session.wants_data else self._session.stdout),
        )

    def _open(self) -> list[str]:
        return [i for i in self._ids if i not in self._states or not self._states[i].status.is_terminal]

    def _timed_out(self) -> Failure:
        self._board.close(keeps=True)
        waiting = self._open()
        names = ", ".join(self._labels.get(i, i) for i in waiting[:5]) + (" …" if len(waiting) > 5 else "")
        # Only where nothing that is left has a chance; one that an agent could take makes it a matter of time.
        if waiting and all(i in self._unmet and self._states[i].status is JobStatus.QUEUED for i in waiting):
            return Failure(
                f"no agent could take {names} within {self._waiting.timeout:g} s; it stays queued",
                exit_code=ExitCode.NO_AGENT,
                code="no_agent",
                hint=self._attach,
            )
        return Failure(
            f"not over after {self._waiting.timeout:g} s: {names}; it goes on",
            exit_code=ExitCode.TIMED_OUT,
            code="wait_timed_out",
            hint=self._attach,
        )

    def _interrupted(self) -> ExitCode:
        self._stop.set()
        self._board.close(keeps=True)
        self._session.note("")
        if self._waiting.cancel_on_interrupt:
            for job_id in self._open():
                self._cancel(job_id)
        else:
            self._session.note(f"interrupted; the work goes on. Attach again with: {self._attach}")
        return ExitCode.INTERRUPTED

    def _cancel(self, job_id: str) -> None:
        try:
            self._client.cancel_job(job_id)
        except Conflict:
            self._session.note(f"{self._names[job_id]}: was over already")
        else:
            self._session.note(f"{self._names[job_id]}: cancelled")


def attach_command(session: Session, names: Sequence[str], run_id: str, *, logs: bool = False) -> str:
    """Return the command that takes up the wait for the jobs of these *names* again."""
    if len(names) == 1:
        command = f"cictl jobs {'logs -f' if logs else 'watch'} {quoted(names)}"
    elif run_id:
        command = f"cictl jobs watch --run {run_id}"
    else:
        command = f"cictl jobs watch {quoted(names)}"
    return command + session.server_options
