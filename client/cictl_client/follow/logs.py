"""Following executions through broken connections and server restarts: logs by byte offset, states by polling."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from cictl.base.typed_json import read_json_as
from cictl.wire import words
from cictl.wire.codec import DecodeError, Message, decode
from cictl.wire.jobs import JobResponse, JobState, JobStateResponse
from cictl_client.answers import Asked, RawResponse, shapeless
from cictl_client.calls.paths import job_path
from cictl_client.errors import NotFound, UnexpectedAnswer, Unreachable, WaitTimedOut
from cictl_client.follow.snapshots import SnapshotLog
from cictl_client.retry import LONGEST_PAUSE, TRANSIENT, OnReconnect, Pause
from cictl_client.streams import NoStream, open_events

if TYPE_CHECKING:
    from cictl_client.transport import Transport

_POLL_SECONDS = 0.5
_LOOKS_A_SECOND = 100
"""How often a wait for many executions asks for a state, where the server tells of no change."""


@dataclass(frozen=True, kw_only=True)
class LogChunk:
    """A piece of a log.

    Attributes:
        offset: Where `data` begins, in bytes from the start of the log.
        size: Bytes of the whole log, as far as known.
        complete: Whether the execution is over, so that `size` is final.
        received_utc: When the server received the first byte, to the second; None if it does not tell.
    """

    data: bytes
    offset: int
    size: int
    complete: bool
    received_utc: datetime | None = None

    def after(self, offset: int) -> LogChunk | None:
        """Return the part of this chunk from *offset* on; None if there is none."""
        known = max(0, offset - self.offset)
        rest = self.data[known:]
        return replace(self, data=rest, offset=self.offset + known) if rest else None


class _LogEvent(Message):
    """The data of a `log` event; msgspec decodes the base64."""

    offset: int
    data_base64: bytes
    received_utc: datetime | None = None


def follow_log(
    transport: Transport,
    job_id: str,
    *,
    offset: int,
    times: bool,
    on_reconnect: OnReconnect | None,
    deadline: Callable[[], bool] | None,
) -> Iterator[LogChunk]:
    """Yield the log from *offset* until the execution is over; each byte comes once.

    Raises:
        NotFound: There is no such execution, or it was deleted.
        UnexpectedAnswer: The server left bytes out, and did so again when asked once more.
    """
    pause = Pause()
    position = _Position(transport.base_url, offset)
    while True:
        try:
            with closing(_stream(transport, job_id, position.offset, deadline, times=times)) as events:
                for event in events:
                    pause.reset()
                    if isinstance(event, JobState):
                        position.check_end(event)
                        return
                    if (fresh := position.take(event)) is not None:
                        yield fresh
        except NotFound as error:
            if not has_no_route(error):
                raise
            yield from _poll_log(transport, job_id, offset=offset, on_reconnect=on_reconnect, deadline=deadline)
            return
        except TRANSIENT as error:
            if on_reconnect is not None:
                on_reconnect(error)
        if deadline is not None and deadline():
            return
        pause.wait()


class _Position:
    """The next byte that is wanted of a log, whatever pieces the server sends.

    Bytes that were seen already are dropped. After a gap, or an end that comes too early, the server is asked once more
    from that byte on; when the same happens again, it is the server's fault.
    """

    def __init__(self, url: str, offset: int) -> None:
        self.offset = offset
        self._url = url
        self._doubted_at: int | None = None

    def take(self, chunk: LogChunk) -> LogChunk | None:
        """Return the part of *chunk* that was not seen yet, and go on after it; None if all of it was seen."""
        if chunk.offset > self.offset:
            self._doubt(f"its log goes on at byte {chunk.offset}, not {self.offset}")
        fresh = chunk.after(self.offset)
        if fresh is not None:
            self.offset += len(fresh.data)
        return fresh

    def check_end(self, state: JobState) -> None:
        if state.log_size > self.offset:
            self._doubt(f"its log ends at byte {self.offset} of {state.log_size}")

    def _doubt(self, detail: str) -> None:
        if self._doubted_at == self.offset:
            raise UnexpectedAnswer(self._url, detail)
        self._doubted_at = self.offset
        raise Unreachable(self._url, detail)


def has_no_route(error: NotFound) -> bool:
    """Tell whether the server lacks the route; a reference server has none for logs."""
    return error.message == words.NO_ROUTE


def wait_for_jobs(
    get_state: Callable[[str], JobState],
    job_ids: Sequence[str],
    *,
    timeout: float | None,
    on_state: Callable[[JobState], None] | None,
    on_reconnect: OnReconnect | None,
    pause_for: Callable[[float], Collection[str]],
    on_repeated: Callable[[str], None],
    poll: float,
) -> list[JobState]:
    """Poll until the executions are over, and return their final states, in the order of *job_ids*.

    One that the server runs again by itself is not over before its last attempt is, whose state is returned.

    Args:
        pause_for: Waits between two looks, for so many seconds at most, and returns the ids that are to be looked at then.
        on_repeated: Called with the id of each further attempt.
    """
    until = None if timeout is None else time.monotonic() + timeout
    pause = Pause()
    states: dict[str, JobState] = {}
    unfinished = list(dict.fromkeys(job_ids))
    due = list(unfinished)
    last = {job_id: job_id for job_id in job_ids}
    while unfinished:
        if not due:
            seconds = max(poll, len(unfinished) / _LOOKS_A_SECOND)
            changed = pause_for(min(seconds, _left(unfinished[0], until, timeout)))
            due = [job_id for job_id in unfinished if job_id in changed]
            continue
        try:
            state = get_state(due[0])
        except TRANSIENT as error:
            if on_reconnect is not None:
                on_reconnect(error)
            pause.wait(longest=_left(due[0], until, timeout))
            continue
        pause.reset()
        job_id = due.pop(0)
        if on_state is not None and state != states.get(job_id):
            on_state(state)
        states[job_id] = state
        if state.status.is_terminal:
            unfinished.remove(job_id)
        if state.retried_by:
            unfinished.append(state.retried_by)
            last = {first: state.retried_by if attempt == job_id else attempt for first, attempt in last.items()}
            on_repeated(state.retried_by)
    return [states[last[job_id]] for job_id in job_ids]


def _left(job_id: str, until: float | None, timeout: float | None) -> float:
    """Return the seconds that are left of *timeout*; those of the longest pause without one.

    Raises:
        WaitTimedOut: None are left.
    """
    if until is None or timeout is None:
        return LONGEST_PAUSE
    left = until - time.monotonic()
    if left <= 0:
        raise WaitTimedOut(job_id, timeout)
    return left


def _stream(
    transport: Transport, job_id: str, offset: int, deadline: Callable[[], bool] | None, *, times: bool
) -> Generator[LogChunk | JobState, None, None]:
    """Yield the events of one connection, until it ends.

    Raises:
        NotFound: The server has no such route.
        Unreachable: The connection broke, perhaps within an event or a character.
    """
    path = f"{job_path(job_id)}/log"
    params = {"follow": "1", "offset": offset, **({"times": "1"} if times else {})}
    try:
        with closing(open_events(transport, path, params=params, deadline=deadline)) as events:
            for event in events:
                if event.event == "log":
                    yield _chunk(event.data)
                elif event.event == "end":
                    yield decode(event.data.encode(), JobState)
    except NoStream:
        raise NotFound(words.NO_ROUTE, status=404) from None
    except ValueError as error:
        raise Unreachable(transport.base_url, "the connection broke") from error


def _chunk(text: str) -> LogChunk:
    event = read_json_as(text, _LogEvent)
    size = event.offset + len(event.data_base64)
    return LogChunk(
        data=event.data_base64, offset=event.offset, size=size, complete=False, received_utc=event.received_utc
    )


def _poll_log(
    transport: Transport,
    job_id: str,
    *,
    offset: int,
    on_reconnect: OnReconnect | None,
    deadline: Callable[[], bool] | None,
) -> Iterator[LogChunk]:
    """Follow the log on a server without log routes; its view of an execution has the end of the log."""
    pause = Pause()
    log = SnapshotLog()
    while True:
        try:
            job = transport.get(JobResponse, job_path(job_id)).job_execution
        except TRANSIENT as error:
            if on_reconnect is not None:
                on_reconnect(error)
            if deadline is not None and deadline():
                return
            pause.wait()
            continue
        pause.reset()
        data = log.add(job.output.encode())
        piece = LogChunk(data=data, offset=log.size - len(data), size=log.size, complete=job.status.is_terminal)
        if (fresh := piece.after(offset)) is not None:
            yield fresh
        if job.status.is_terminal or (deadline is not None and deadline()):
            return
        time.sleep(_POLL_SECONDS)


def read_state(asked: Asked, response: RawResponse) -> JobState:
    """Return the JobState in *response*.

    Raises:
        UnexpectedAnswer: It is the server's, and has another shape.
        ForeignAnswer: It is not the server's.
    """
    try:
        return state_of(response.body)
    except DecodeError as error:
        raise shapeless(asked, response, str(error)) from error


def state_of(body: bytes) -> JobState:
    """Return the JobState in an answer; a reference server sends the whole execution instead.

    Raises:
        DecodeError: The answer is neither.
    """
    try:
        return decode(body, JobStateResponse).job_execution
    except DecodeError:
        job = decode(body, JobResponse).job_execution
    return JobState(
        id=job.id,
        status=job.status,
        log_size=job.log_size or len(job.output.encode()),
        current_step=job.current_step,
        error=job.error,
        exit_code=job.exit_code,
        cause=job.cause,
        leased_by_agent_id=job.leased_by_agent_id,
        started_utc=job.started_utc,
        finished_utc=job.finished_utc,
    )
