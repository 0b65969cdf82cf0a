"""Following a server while it resolves a pipeline's version: one stream of events, read to its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from cictl.wire.codec import DecodeError, decode
from cictl.wire.projects import VersionResolved, VersionStep
from cictl_client.errors import UnexpectedAnswer, Unreachable
from cictl_client.streams import NoStream, open_events

if TYPE_CHECKING:
    from cictl_client.transport import Transport

VersionEvent = VersionStep | VersionResolved

_SILENCE_SECONDS = 90.0
"""The server sends nothing while git works, for which it allows 45 s a step."""


def resolve_version(transport: Transport, path: str) -> Iterator[VersionEvent]:
    """Yield the steps of the stream at *path*. The `step` of the last one, and of no other, is `done`.

    Raises:
        Unreachable: The connection broke before the last step.
        UnexpectedAnswer: Something else than events came.
    """
    url = transport.base_url + path
    try:
        with closing(open_events(transport, path, silence=_SILENCE_SECONDS)) as events:
            for event in events:
                step = _event(event.data)
                yield step
                if step.step == "done":
                    return
    except NoStream as error:
        raise UnexpectedAnswer(url, f"there came {error}, not events") from error
    except DecodeError as error:
        raise UnexpectedAnswer(url, str(error)) from error
    raise Unreachable(transport.base_url, "the connection broke before the version was resolved")


def _event(data: str) -> VersionEvent:
    step = decode(data.encode(), VersionStep)
    is_resolved = (step.step, step.status) == ("done", "ok")
    return decode(data.encode(), VersionResolved) if is_resolved else step
