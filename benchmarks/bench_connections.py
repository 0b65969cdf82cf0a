"""A crowd of connections that say nothing, or half of what they should: it must not keep others out."""

from __future__ import annotations

import json
import resource
import time
from statistics import quantiles

from figures import Figure, Figures, Untrue, options
from load import Connection
from serving import Served, memory_bytes, real_disk, serve_pipeline, served

CROWD = 10_000
PEERS = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5")
"""The addresses that the crowd comes from: a server takes 5,000 connections from one at most, and its users come from others."""

_HALF_ASKED = b"GET /healthz HTTP/1.1\r\nHost: local"
_PATIENCE_SECONDS = 60
_MIB = 1 << 20


class Crowd:
    """Connections of which one half is idle after a request, and the other has sent half of a request."""

    def __init__(self, url: str, count: int) -> None:
        """Open them, the idle ones first: a server closes after 10 seconds whoever has not sent the whole of a request."""
        self._idle: list[Connection] = []
        self._half_open: list[Connection] = []
        for number in range(count // 2):
            self._idle.append(_connected(url, number))
            self._idle[-1].send("GET", "/healthz")
        for number in range(count // 2):
            self._half_open.append(_connected(url, number))
            self._half_open[-1].say(_HALF_ASKED)

    def ask(self) -> None:
        """Let all idle ones ask, one after the other.

        Raises:
            Untrue: One of them was closed, or is not answered as it should be.
        """
        for connection in self._idle:
            connection.send("GET", "/healthz")

    def close(self) -> None:
        for connection in (*self._idle, *self._half_open):
            connection.close()


def _connected(url: str, number: int) -> Connection:
    return Connection(url, source=PEERS[number % len(PEERS)], timeout=_PATIENCE_SECONDS)


def newcomer_seconds(url: str, count: int) -> list[float]:
    """Return how long it took each time to connect anew, ask for `/healthz`, and tell a heartbeat."""
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        connection = Connection(url)
        connection.send("GET", "/healthz")
        _, answer = connection.send(
            "POST", "/api/v1/heartbeat", b'{"agent_id":"a","hostname":"h","os":"linux","arch":"amd64"}'
        )
        if json.loads(answer).get("accepted") is not True:
            raise Untrue("a heartbeat was not accepted")
        taken.append(time.perf_counter() - begun)
        connection.close()
    return taken


def whole_job(url: str) -> None:
    """Queue a job and run it, as an agent does.

    Raises:
        Untrue: It can't be queued, or the agent is not given it.
    """
    connection = Connection(url)
    connection.send("POST", "/api/v1/pipelines/1/run-selection", b"{}", expect=(201,))
    _, answer = connection.send("POST", "/api/v1/agent/lease", b'{"agent_id":"a","capabilities":{"os":"linux"}}')
    job = json.loads(answer).get("job_execution")
    if job is None:
        raise Untrue("the agent was not given the job")
    for status in (b"running", b"succeeded"):
        connection.send("POST", f"/api/v1/jobs/{job['id']}/status", b'{"agent_id":"a","status":"%s"}' % status)
    connection.close()


def measure(report: Figures, server: Served, *, crowd: int, newcomers: int) -> None:
    before = memory_bytes(server.pid)
    begun = time.monotonic()
    others = Crowd(server.url, crowd)
    try:
        did = f"from {len(PEERS)} addresses; all open after {time.monotonic() - begun:.1f} s"
        taken = newcomer_seconds(server.url, newcomers)
        whole_job(server.url)
        used = (memory_bytes(server.pid) - before) / _MIB
        others.ask()
    finally:
        others.close()
    report.add(Figure(name=f"memory of {crowd:,} silent connections", value=used, unit="MiB", did=did))
    worst = quantiles(taken, n=100)[98] * 1000
    did = f"{newcomers} newcomers: connect, /healthz, heartbeat; and a whole job"
    report.add(Figure(name=f"answers to a newcomer beside {crowd:,} connections, p99", value=worst, unit="ms", did=did))


def main() -> None:
    arguments, report = options(__doc__)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    scale = 10 if arguments.quick else 1
    with real_disk("bench-connections-") as home, served(serve_pipeline, str(home)) as server:
        measure(report, server, crowd=CROWD // scale, newcomers=200 // scale)


if __name__ == "__main__":
    main()
