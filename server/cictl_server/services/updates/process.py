"""The process of the server, as far as services may know and end it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import msgspec


def _stay() -> None:
    """Do nothing: no server runs that could end."""


class ServerProcess(msgspec.Struct, frozen=True, kw_only=True):
    """How the server was started and how it ends.

    Attributes:
        url: The base URL for health checks, without a slash at its end.
        served_by: What answers requests; empty where none are answered at a socket.
        arguments: The command line without the program that starts the same server again.
        leave: Asks the server to finish its answers and end.
        restart: Like `leave`, but then the program starts itself again in the same process.
    """

    url: str = ""
    served_by: str = ""
    arguments: Sequence[str] = ()
    leave: Callable[[], None] = _stay
    restart: Callable[[], None] = _stay
    id: int = msgspec.field(default_factory=os.getpid)
