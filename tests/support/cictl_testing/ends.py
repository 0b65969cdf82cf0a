"""The other ends of connections within this machine, as Linux shows them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

_HELD = ("01", "08")
"""ESTABLISHED and CLOSE_WAIT: whoever has this end has not closed it. (Linux, include/net/tcp_states.h)"""


def other_end_of(connection: socket.socket) -> Callable[[], bool]:
    """Return what tells whether the other end of *connection*, which is one by IPv4, is held; also once this end is closed."""
    here, there = connection.getsockname()[1], connection.getpeername()[1]

    def is_held() -> bool:
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return any(
            row[1].endswith(f":{there:04X}") and row[2].endswith(f":{here:04X}") and row[3] in _HELD for row in rows
        )

    return is_held
