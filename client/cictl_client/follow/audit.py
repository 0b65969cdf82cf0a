"""Following the audit, through broken connections and server restarts; no record is missed or comes twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from cictl.wire.audit.records import AuditRecord
from cictl.wire.codec import DecodeError, decode
from cictl_client.errors import UnexpectedAnswer
from cictl_client.retry import TRANSIENT, OnReconnect, Pause
from cictl_client.streams import NoStream, open_events

if TYPE_CHECKING:
    from cictl_client.transport import Transport

PATH = "/api/v1/audit"


def follow_audit(
    transport: Transport,
    *,
    after: int,
    params: Mapping[str, str],
    on_reconnect: OnReconnect | None = None,
    deadline: Callable[[], bool] | None = None,
) -> Iterator[AuditRecord]:
    """Yield the records above the id *after* until *deadline* returns true.

    Args:
        params: The query's filters.

    Raises:
        UnexpectedAnswer: Something else than records came.
    """
    pause = Pause()
    wanted = {**params, "follow": "1"}
    while True:
        try:
            stream = open_events(transport, PATH, params=wanted, last_id=str(after), deadline=deadline)
            with closing(stream) as events:
                for event in events:
                    if event.event == "record":
                        record = decode(event.data.encode(), AuditRecord)
                        pause.reset()
                        after = record.id
                        yield record
        except (NoStream, DecodeError) as error:
            raise UnexpectedAnswer(transport.base_url + PATH, f"there came {error}, not records") from error
        except TRANSIENT as error:
            if on_reconnect is not None:
                on_reconnect(error)
        if deadline is not None and deadline():
            return
        pause.wait()
