"""One connection to a stream of server-sent events. Going on after it breaks is the business of `follow`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cictl.base.web.arriving import arriving
from cictl.wire import words
from cictl.wire.problems import PROBLEM_JSON
from cictl_client.errors import Unreachable

if TYPE_CHECKING:
    import sseclient

    from cictl_client.transport import Transport

SILENCE_SECONDS = 40.0
"""The server sends at least a comment every 15 s, so a silence this long means a dead connection."""


class NoStream(Exception):
    """The answer is not a stream of events; the text is its type."""


def open_events(
    transport: Transport,
    path: str,
    *,
    params: Mapping[str, Any] | None = None,
    last_id: str = "",
    deadline: Callable[[], bool] | None = None,
    silence: float = SILENCE_SECONDS,
) -> Generator[sseclient.Event, None, None]:
    """Yield the events of one connection, until it ends or *deadline* returns true.

    Args:
        deadline: Called after each piece of data from the server, comments included.
        silence: Seconds without any byte after which the connection counts as dead.

    Raises:
        Unreachable: The connection broke, perhaps within an event or a character.
        NoStream: The answer is something else.
    """
    import sseclient

    headers = {
        "Accept": f"{words.EVENT_STREAM}, {PROBLEM_JSON}",
        "Accept-Encoding": "identity",  # a proxy that compresses would hold lines back
        **({words.LAST_EVENT_ID: last_id} if last_id else {}),
    }
    with transport.open("GET", path, params=params, headers=headers, timeout=silence) as response:
        if not response.headers.get("Content-Type", "").startswith(words.EVENT_STREAM):
            raise NoStream(response.headers.get("Content-Type", "no type"))
        try:
            yield from sseclient.SSEClient(_until(deadline, arriving(response))).events()
        except ValueError as error:
            raise Unreachable(transport.base_url, "the connection broke") from error


def _until(deadline: Callable[[], bool] | None, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield *blocks*, comments included, until *deadline* returns true."""
    for block in blocks:
        yield block
        if deadline is not None and deadline():
            return
