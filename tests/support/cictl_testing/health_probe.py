"""Prints for each server, asked in turns, the seconds in which 99 of 100 requests of `/healthz` are answered.

Run as a program, so that no other thread is counted.
"""

from __future__ import annotations

import http.client
import statistics
import sys
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

_PROBES = 300
_PATIENCE = 60.0


def seconds_of_one(url: str) -> float:
    """Ask once, on a connection of its own."""
    begun = time.perf_counter()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_PATIENCE)
    try:
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b'{"status":"ok"}\n'
    finally:
        connection.close()
    return time.perf_counter() - begun


def p99(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


if __name__ == "__main__":
    rounds = [[seconds_of_one(url) for url in sys.argv[1:]] for _ in range(_PROBES)]
    print(*(p99(seconds) for seconds in zip(*rounds, strict=True)), sep="\n")
