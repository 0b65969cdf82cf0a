"""Following executions: logs by byte offset and states by polling, through broken connections and server restarts."""

from __future__ import annotations

import base64
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from cictl.wire.codec import decode
from cictl.wire.jobs import JobResponse, JobState
from cictl_client.errors import NoCapacity, NotFound, ServerError, Unreachable, WaitTimedOut

if TYPE_CHECKING:
    import requests

    from cictl_client.transport import Transport

OnReconnect = Callable[[Exception], None]

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_SILENCE_SECONDS = 40.0
"""The server sends at least a comment every 15 s; longer silence means a dead connection."""
_POLL_SECONDS = 0.5
_BLOCK = 1 << 16
_NO_ROUTE = "404 page not found"
"""What a server says that has no such route: a reference server keeps no logs by offset."""

TRANSIENT = (Unreachable, ServerError, NoCapacity)
"""What passes: outages, restarts, overload."""


@dataclass(frozen=True, kw_only=True)
class LogChunk:
    """A piece of a log.

    Attributes:
        offset: Byte position of `data` from the start of the log.
        size: Bytes of the whole log as far as known.
        complete: Whether the execution is over, so that `size` is final.
    """

    data: bytes
    offset: int
    size: int
    complete: bool


class Pause:
    """Waits between attempts: longer each time, up to five seconds, a little random so that clients don't march in step."""

    def __init__(self) -> None:
        self._next = _FIRST_PAUSE

    def reset(self) -> None:
        self._next = _FIRST_PAUSE

    def wait(self) -> None:
        time.sleep(self._next * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
        self._next = min(self._next * 2, _LONGEST_PAUSE)


def follow_log(
    transport: Transport,
    job_id: str,
    *,
    offset: int,
    on_reconnect: OnReconnect | None,
    deadline: Callable[[], bool] | None,
) -> Iterator[LogChunk]:
    """Yield the log from *offset* until the execution is over; each byte once."""
    pause = Pause()
    while True:
        try:
            for event in _stream(transport, job_id, offset, deadline):
                pause.reset()
                if isinstance(event, LogChunk):
                    fresh = _after(event, offset)
                    if fresh is not None:
                        offset += len(fresh.data)
                        yield fresh
                else:
                    return
        except NotFound as error:
            if error.message != _NO_ROUTE:
                raise
            yield from _poll_log(transport, job_id, on_reconnect=on_reconnect, deadline=deadline)
            return
        except TRANSIENT as error:
            if on_reconnect is not None:
                on_reconnect(error)
        if deadline is not None and deadline():
            return
        pause.wait()


def wait_for_job(
    get_state: Callable[[], JobState],
    job_id: str,
    *,
    timeout: float | None,
    on_state: Callable[[JobState], None] | None,
    on_reconnect: OnReconnect | None,
    poll: float,
) -> JobState:
    """Poll until the execution is over, and return its last state."""
    begun = time.monotonic()
    pause = Pause()
    last: JobState | None = None
    while True:
        try:
            state = get_state()
        except TRANSIENT as error:
            if on_reconnect is not None:
                on_reconnect(error)
            _check_time(job_id, begun, timeout)
            pause.wait()
            continue
        pause.reset()
        if on_state is not None and state != last:
            on_state(state)
        last = state
        if state.status.is_terminal:
            return state
        _check_time(job_id, begun, timeout)
        time.sleep(poll)


def _check_time(job_id: str, begun: float, timeout: float | None) -> None:
    if timeout is not None and time.monotonic() - begun >= timeout:
        raise WaitTimedOut(job_id, timeout)


def _stream(
    transport: Transport, job_id: str, offset: int, deadline: Callable[[], bool] | None
) -> Iterator[LogChunk | JobState]:
    """Yield the events of one connection; it ends when the connection does.

    Raises:
        Unreachable: The connection broke, perhaps in the middle of an event.
    """
    import sseclient

    path = f"/api/v1/jobs/{quote(job_id, safe='')}/log"
    params = {"follow": "1", "offset": offset}
    accept = {"Accept": "text/event-stream, application/problem+json"}
    with transport.open("GET", path, params=params, headers=accept, timeout=_SILENCE_SECONDS) as response:
        if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
            raise NotFound(_NO_ROUTE, status=404)
        for event in sseclient.SSEClient(_blocks(response, deadline)).events():
            try:
                if event.event == "log":
                    yield _chunk(event.data)
                elif event.event == "end":
                    yield decode(event.data.encode(), JobState)
            except ValueError as error:
                raise Unreachable(transport.base_url, "the connection broke") from error


def _blocks(response: requests.Response, deadline: Callable[[], bool] | None) -> Iterator[bytes]:
    """Yield the bytes of a stream as they come, comments included, until it is time to stop."""
    for block in response.iter_content(_BLOCK):
        yield block
        if deadline is not None and deadline():
            return


def _chunk(text: str) -> LogChunk:
    fields = json.loads(text)
    data = base64.b64decode(fields["data_base64"])
    return LogChunk(data=data, offset=fields["offset"], size=fields["offset"] + len(data), complete=False)


def _after(chunk: LogChunk, offset: int) -> LogChunk | None:
    """Return what of *chunk* lies at and after *offset*."""
    known = offset - chunk.offset
    if known <= 0:
        return chunk if chunk.data else None
    rest = chunk.data[known:]
    return LogChunk(data=rest, offset=offset, size=chunk.size, complete=chunk.complete) if rest else None


def _poll_log(
    transport: Transport, job_id: str, *, on_reconnect: OnReconnect | None, deadline: Callable[[], bool] | None
) -> Iterator[LogChunk]:
    """Follow on a server without log routes: its job view has the end of the log, which only grows."""
    pause = Pause()
    shown = b""
    while True:
        try:
            job = transport.get(JobResponse, f"/api/v1/jobs/{job_id}").job_execution
        except TRANSIENT as error:
            if on_reconnect is not None:
                on_reconnect(error)
            pause.wait()
            continue
        pause.reset()
        output = job.output.encode()
        fresh = output[len(shown) :] if output.startswith(shown) else _joined(shown, output)
        if fresh:
            yield LogChunk(data=fresh, offset=len(shown), size=len(output), complete=job.status.is_terminal)
        shown = output
        if job.status.is_terminal or (deadline is not None and deadline()):
            return
        time.sleep(_POLL_SECONDS)


def _joined(shown: bytes, output: bytes) -> bytes:
    """Return what *output*, a tail that lost its beginning, adds to what was shown."""
    anchor = shown[-1024:]
    position = output.find(anchor) if anchor else -1
    return output[position + len(anchor) :] if position >= 0 else output


def state_of(body: bytes) -> JobState:
    """Read a JobState from an answer that may be a whole execution of a reference server."""
    raw = msgspec.json.decode(body)["job_execution"]
    raw.setdefault("log_size", len(str(raw.get("output", "")).encode()))
    return decode(msgspec.json.encode(raw), JobState)
