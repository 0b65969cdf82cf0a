"""Telling the server how one job goes: its steps, its growing log, and its end. The log itself is kept in `spool`."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec

from cictl.base.clock import Clock
from cictl.redaction import masked_message
from cictl.wire.agents import STATUS_UNMASKED, LeaseRequest, LeaseResponse, StatusRequest
from cictl.wire.jobs import STEP_STARTED, JobState, JobStatus, Step, StepEvent
from cictl_agent.log.spool import JobLog
from cictl_agent.retries import backoff
from cictl_agent.system.interruption import Interruption, StopReason
from cictl_agent.system.timers import Timer, Timers
from cictl_client import ApiError, Client, ClientError, Conflict, InvalidRequest, LogGap, NotFound, TooLarge
from cictl_client.errors import is_too_large

logger = logging.getLogger(__name__)

SNAPSHOT_BYTES = 524_288
CHUNK_BYTES = SNAPSHOT_BYTES // 2

_LEAST_CHUNK_BYTES = 1 << 12
_BATCH_SECONDS = 0.05
"""News waits this long for more, so that steps which end within it have no request of their own."""
_APPEND_SECONDS = 0.1
_SNAPSHOT_SECONDS = 0.5
_BEGIN_SECONDS = 20.0
"""Shorter than the 45 s after which a server gives an unstarted job to another agent."""
_STOP_SECONDS = 10.0

_DETAILS = ("events", "cache_stats", "runtime_capabilities")


@dataclass(frozen=True, kw_only=True)
class NextLease:
    """How the report of an end asks for the next execution.

    Attributes:
        request: Returns what to ask for; None where the report must not ask.
        on_answer: Takes the server's answer to it.
    """

    request: Callable[[], LeaseRequest | None]
    on_answer: Callable[[LeaseResponse], None]


NO_NEXT_LEASE = NextLease(request=lambda: None, on_answer=lambda _: None)


class Reporter:
    """Reports one execution, with at most one request under way at a time.

    With `appends` the log is sent piece by piece, from where the server's copy ends; otherwise as snapshots of its last
    512 KiB. A report that can't be delivered while the job runs is delivered later, and never fails the job.
    """

    def __init__(
        self,
        *,
        client: Client,
        job_id: str,
        agent_id: str,
        lease_token: str,
        log: JobLog,
        interruption: Interruption,
        appends: bool,
        clock: Clock,
        timers: Timers,
        next_lease: NextLease = NO_NEXT_LEASE,
    ) -> None:
        self._client = client
        self._job_id = job_id
        self._agent_id = agent_id
        self._lease_token = lease_token
        self._log = log
        self._interruption = interruption
        self._appends = appends
        self._clock = clock
        self._next_lease = next_lease
        self._chunk = CHUNK_BYTES
        self._sent = 0
        self._is_over = False
        self._is_full = False
        self._is_troubled = False
        self._news = threading.Condition()
        self._pending = StatusRequest()
        self._has_pending = False
        self._closing = threading.Event()
        self._timers = timers
        self._thread = threading.Thread(target=self._run, name=f"report-{job_id}", daemon=True)
        self._start: Timer | None = None
        self.heard_at = float("-inf")
        """When the server last told the execution's state, by `time.monotonic`."""

    def begin(self, step: str) -> bool:
        """Report that the job starts, and tell whether it may run: the server must know before anything runs.

        Tries for twenty seconds. The job must not run when that fails, or when the execution is not ours any more.
        """
        request = self._running(current_step=step)
        deadline = time.monotonic() + _BEGIN_SECONDS
        waits = backoff(0.2, 2)
        while not self._interruption.is_given:
            try:
                self._hear(self._post(request))
            except (NotFound, Conflict) as error:
                logger.warning("job is not ours to run job=%s: %s", self._job_id, error)
                return False
            except ClientError as error:
                if time.monotonic() >= deadline:
                    logger.warning("job not begun, the server does not answer job=%s: %s", self._job_id, error)
                    return False
                self._interruption.wait(next(waits))
            else:
                break
        if self._interruption.is_given:
            return self._interruption.reason is StopReason.AGENT_STOPPED  # then the job's end must be reported
        self._log.on_growth = self._wake
        # A job that is over by then needs no thread: all its news goes with the report of its end.
        self._start = self._timers.after(_BATCH_SECONDS, self._begin_thread)
        return True

    def note_step(
        self, text: str, *, step: Step | None = None, runtime_capabilities: Mapping[str, str] | None = None
    ) -> None:
        """Report soon what the job does now; with *step* also the event that this step of the plan started."""
        with self._news:
            events = self._pending.events
            if step is not None:
                offset = self._log.size if self._appends else None
                events = [
                    *events,
                    StepEvent(type=STEP_STARTED, timestamp_utc=self._clock(), step=step, log_offset=offset),
                ]
            self._pending = StatusRequest(
                current_step=text,
                events=events,
                runtime_capabilities=dict(runtime_capabilities or self._pending.runtime_capabilities),
            )
            self._has_pending = True
            self._news.notify()

    def finish(self, report: StatusRequest, stop: threading.Event) -> None:
        """Report the job's end with the rest of its log; return when the server has it, or refuses it for good.

        Tries without end; once *stop* is set, for ten seconds more.
        """
        self._close()
        report = msgspec.structs.replace(report, agent_id=self._agent_id, events=self._pending.events)
        waits = backoff(1, 15)
        patience = _STOP_SECONDS
        while True:
            try:
                self._finish_once(report)
            except LogGap as gap:
                if self._resume(gap):
                    continue
            except (NotFound, Conflict) as error:
                logger.info("the server wants no report job=%s: %s", self._job_id, error)
                return
            except (TooLarge, InvalidRequest) as error:
                if isinstance(error, TooLarge) and self._shrink():
                    continue
                logger.warning("report refused, sending its essence job=%s: %s", self._job_id, error)
                report = _essence(report)
            except ClientError as error:
                if is_too_large(error) and self._shrink():
                    continue
                self._complain(error)
            else:
                return
            seconds = next(waits)
            if not stop.wait(seconds):
                continue
            patience -= seconds
            if patience <= 0:
                logger.error("gave up reporting the end job=%s", self._job_id)
                return
            time.sleep(min(seconds, 1.0))

    def _begin_thread(self) -> None:
        with self._news:
            if not self._closing.is_set():
                self._thread.start()

    def _run(self) -> None:
        waits = backoff(0.5, 5)
        has_waited = True  # for the thread to begin
        while self._wait_for_news() and not self._is_over:
            if not has_waited:
                self._closing.wait(_BATCH_SECONDS)
            has_waited = False
            if self._closing.is_set():
                return
            if self._post_news():
                waits = backoff(0.5, 5)
                if not self._is_behind():
                    self._closing.wait(_APPEND_SECONDS if self._appends else _SNAPSHOT_SECONDS)
            else:
                self._closing.wait(next(waits))

    def _wake(self) -> None:
        with self._news:
            self._news.notify()

    def _wait_for_news(self) -> bool:
        """Wait until there is something to tell; False when the job is over."""
        with self._news:
            while not (self._closing.is_set() or self._has_pending or self._has_unsent()):
                self._news.wait()
        return not self._closing.is_set()

    def _has_unsent(self) -> bool:
        """Tell whether there is more of the log; the rest of one that the server cuts off does not count."""
        return not self._is_full and self._log.size != self._sent

    def _is_behind(self) -> bool:
        return self._appends and not self._is_full and self._log.size - self._sent >= self._chunk

    def _close(self) -> None:
        """Stop the thread, and wait for its request that is under way."""
        with self._news:  # no thread begins once this is set
            self._closing.set()
        if self._start is not None:
            self._timers.cancel(self._start)
        self._wake()
        if self._thread.ident is not None:
            self._thread.join()

    def _post_news(self) -> bool:
        """Send what is new, and tell whether it arrived."""
        with self._news:
            pending, self._pending = self._pending, StatusRequest()
            had_pending, self._has_pending = self._has_pending, False
        try:
            self._send(self._running(**{key: getattr(pending, key) for key in ("current_step", *_DETAILS)}))
        except LogGap as gap:
            self._put_back(pending, had_pending)
            return self._resume(gap)
        except (NotFound, Conflict) as error:
            self._is_over = True
            self._interruption.give(StopReason.OVER, f"the server does not want it any more: {error}")
        except ClientError as error:
            if not isinstance(error, InvalidRequest):
                self._put_back(pending, had_pending)
            if is_too_large(error) and self._shrink():
                return True
            self._complain(error)
            return False
        return True

    def _put_back(self, pending: StatusRequest, had_pending: bool) -> None:
        """Keep news that did not arrive, behind what came meanwhile: its events first, its other fields only if unset."""
        with self._news:
            newer = self._pending
            self._pending = StatusRequest(
                current_step=newer.current_step or pending.current_step,
                events=[*pending.events, *newer.events],
                runtime_capabilities=newer.runtime_capabilities or pending.runtime_capabilities,
            )
            self._has_pending = self._has_pending or had_pending

    def _finish_once(self, report: StatusRequest) -> None:
        while self._is_behind() and not self._is_over:
            self._send(self._running())
        report = msgspec.structs.replace(report, next_lease=self._next_lease.request())
        if self._is_over:
            self._post(report)
        elif self._appends:
            self._send(msgspec.structs.replace(report, output_size=self._log.size, output_sha256=self._log.sha256()))
        else:
            self._send(report)

    def _send(self, request: StatusRequest) -> None:
        """Post a report with the next piece of the log; when that arrived, the piece counts as sent."""
        if self._is_full:
            arrived, fields = self._sent, {}
        elif self._appends:
            data = self._log.read(self._sent, self._chunk)
            fields = {"output_append": data.decode(), "output_offset": self._sent} if data else {}
            arrived = self._sent + len(data)
        else:
            arrived = self._log.size
            fields = {"output": self._log.tail(2 * self._chunk)} if arrived != self._sent or _is_last(request) else {}
        state = self._post(msgspec.structs.replace(request, **fields))
        self._sent = arrived
        self._is_troubled = False
        self._hear(state)
        # A server that does not know `output_append` accepts the report and ignores the piece; only its log's size tells.
        if state.log_is_full and not self._is_full:
            logger.warning("the server keeps no more of the log job=%s", self._job_id)
            self._is_full = True
        if self._appends and not (self._is_over or self._is_full) and state.log_size < arrived:
            logger.warning("the server does not keep log pieces, sending snapshots job=%s", self._job_id)
            self._appends = False

    def _post(self, request: StatusRequest) -> JobState:
        masked = masked_message(
            msgspec.structs.replace(request, next_lease=None), self._log.redact, keep=STATUS_UNMASKED
        )
        # What is asked for is the agent's own, and no secret of the job: its capabilities must arrive as they are.
        stamped = msgspec.structs.replace(masked, timestamp_utc=self._clock(), next_lease=request.next_lease)
        answer = self._client.report_and_lease(self._job_id, stamped, lease_token=self._lease_token)
        if answer.lease is not None:
            self._next_lease.on_answer(answer.lease)
        return answer.job_execution

    def _hear(self, state: JobState) -> None:
        self.heard_at = time.monotonic()
        if state.status.is_terminal:
            self._is_over = True
            self._interruption.give(StopReason.OVER, over_text(state))

    def _resume(self, gap: LogGap) -> bool:
        """Continue from where the server's log ends; tell whether that is another place than before."""
        # Only whole characters can go into JSON, and a server may have kept a part of one: begin before it.
        before, self._sent = self._sent, self._log.character_start(gap.log_size)
        logger.info("the server's log ends at %d, not %d job=%s", gap.log_size, before, self._job_id)
        return self._sent != before

    def _shrink(self) -> bool:
        """Halve the pieces from now on; tell whether that was still possible."""
        before, self._chunk = self._chunk, max(_LEAST_CHUNK_BYTES, self._chunk // 2)
        return self._chunk < before

    def _complain(self, error: ClientError) -> None:
        """Log a failure, unless the report before it failed as well."""
        if not self._is_troubled:
            kept = "the log is kept and sent later" if not isinstance(error, ApiError) else "trying again"
            logger.warning("report failed, %s job=%s: %s", kept, self._job_id, error)
        self._is_troubled = True

    def _running(self, **fields: object) -> StatusRequest:
        return msgspec.structs.replace(StatusRequest(agent_id=self._agent_id, status=JobStatus.RUNNING), **fields)


def over_text(state: JobState) -> str:
    """Return the remark in the log of a job that the server has ended."""
    return f"job marked {state.status} on server: {state.error}".rstrip(": ")


def _is_last(request: StatusRequest) -> bool:
    return request.status != JobStatus.RUNNING


def _essence(report: StatusRequest) -> StatusRequest:
    """Return the report without the details that a server may refuse; that the job is over matters more."""
    empty: Iterable[tuple[str, object]] = (
        (key, getattr(StatusRequest(), key)) for key in (*_DETAILS, "cause", "warnings")
    )
    return msgspec.structs.replace(report, **dict(empty))
