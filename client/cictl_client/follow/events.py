"""Following the server's events, through broken connections and server restarts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cictl.wire.codec import DecodeError, decode
from cictl.wire.events import AgentChanged, EventKind, JobChanged, ProjectChanged
from cictl_client.errors import UnexpectedAnswer
from cictl_client.retry import TRANSIENT, OnReconnect, Pause
from cictl_client.streams import NoStream, open_events

if TYPE_CHECKING:
    from cictl_client.transport import Transport

PATH = "/api/v1/events"


@dataclass(frozen=True, kw_only=True)
class ServerEvent:
    """Something that happened on the server; exactly one of `job`, `agent`, `project` and `missed` is set.

    Attributes:
        id: The `last_id` with which to go on after this event; empty before the server has sent one.
        job: An execution that changed or was deleted.
        agent: An agent that registered, came back, or was activated, deactivated or drained.
        project: A project at whose repository a look found something new, or failed.
        missed: Whether events were lost for good, so that everything must be looked at anew.
    """

    id: str
    job: JobChanged | None = None
    agent: AgentChanged | None = None
    project: ProjectChanged | None = None
    missed: bool = False


def follow_events(
    transport: Transport,
    *,
    last_id: str = "",
    on_reconnect: OnReconnect | None = None,
    deadline: Callable[[], bool] | None = None,
) -> Iterator[ServerEvent]:
    """Yield the events after *last_id*, or from now on if it is empty, until *deadline* returns true.

    Raises:
        NotFound: The server has no such stream; a reference server has none.
        UnexpectedAnswer: Something else than events came.
    """
    pause = Pause()
    while True:
        try:
            with closing(open_events(transport, PATH, last_id=last_id, deadline=deadline)) as events:
                for event in events:
                    pause.reset()
                    last_id = event.id or last_id
                    if (told := _told(transport, event.event, event.data, last_id)) is not None:
                        yield told
        except NoStream as error:
            raise UnexpectedAnswer(transport.base_url + PATH, f"there came {error}, not events") from error
        except TRANSIENT as error:
            if on_reconnect is not None:
                on_reconnect(error)
        if deadline is not None and deadline():
            return
        if not last_id:
            # Without an id the next connection begins with the present, and what happens until then is lost.
            yield ServerEvent(id="", missed=True)
        pause.wait()


def _told(transport: Transport, kind: str, data: str, event_id: str) -> ServerEvent | None:
    """Return the event with its data decoded; None for a kind that is not known here."""
    try:
        match kind:
            case EventKind.JOB:
                return ServerEvent(id=event_id, job=decode(data.encode(), JobChanged))
            case EventKind.AGENT:
                return ServerEvent(id=event_id, agent=decode(data.encode(), AgentChanged))
            case EventKind.PROJECT:
                return ServerEvent(id=event_id, project=decode(data.encode(), ProjectChanged))
            case EventKind.RESET:
                return ServerEvent(id=event_id, missed=True)
            case _:
                return None
    except DecodeError as error:
        raise UnexpectedAnswer(transport.base_url + PATH, str(error)) from error
