"""How much connections may take: of time, of memory, and of the files that the system allows."""

from __future__ import annotations

from contextlib import suppress

import msgspec
from msgspec.structs import replace

_MOST_FILES = 65_536
_SPARE_FILES = 300
"""Descriptors that are kept for other things than connections: logs, artifacts, git, a database."""
_SPARE_SHARE = 0.75
"""So much of them where there are few in all."""


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of connections.

    Attributes:
        header_seconds: From a request's first byte, or from the beginning of the connection, to the end of its header.
        idle_seconds: For how long a client may ask nothing after an answer. Of granian's connections `header_seconds` decides that, too.
        unread_bytes: How much may wait for clients in all; past that, who has taken nothing for longest is closed. For waitress alone.
        stalled_seconds: For how long a client may take no byte of an answer. Each byte that it takes renews the time.
        of_peer: Connections from one address.
        of_all: Connections in all; fewer where the system allows this process fewer files.
    """

    header_seconds: float = 10.0
    idle_seconds: float = 120.0
    stalled_seconds: float = 30.0
    unread_bytes: int = 64 << 20
    of_peer: int = 5_000
    of_all: int = 12_000

    def fitted(self) -> ConnectionLimits:
        """Raise the number of files that this process may open as far as it may itself, and return what limits fit that."""
        allowed = _raised_file_limit()
        if allowed is None:
            return self
        spare = min(_SPARE_FILES, int(allowed * _SPARE_SHARE))
        return replace(self, of_all=min(self.of_all, allowed - spare))


def _raised_file_limit() -> int | None:
    """Return how many files may be open, after the soft limit was raised to the hard one; None where nobody says."""
    try:
        import resource
    except ImportError:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft < most:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return soft
