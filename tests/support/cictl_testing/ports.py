"""Ports of the loopback."""

from __future__ import annotations

import contextlib
import random
import socket
import sys

_reserved: dict[int, socket.socket | None] = {}


def free_port() -> int:
    """Return a port that nobody has, below those that systems give out by themselves: none takes it before we do, or again.

    A server may bind its port seconds later, and one that is started anew must be where it was. So this process keeps the port for itself
    until it ends, and on Linux from the tests of other processes too.
    """
    for port in random.SystemRandom().sample(range(20_000, 32_000), 1_000):
        if port not in _reserved and _is_free(port) and _reserve(port):
            return port
    raise AssertionError("no port is free")


def _is_free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return True
    return False


def _reserve(port: int) -> bool:
    """Keep *port* from others by a name that only one process of the machine can have; the system frees it with the process."""
    _reserved[port] = None
    if sys.platform != "linux":
        return True
    mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        mark.bind(f"\0cictl tests: port {port}")
    except OSError:
        mark.close()
        return False
    _reserved[port] = mark
    return True
