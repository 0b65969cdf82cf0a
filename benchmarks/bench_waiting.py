"""Many who wait: 2,000 idle agents on one server, what they cost, and how soon one of them has a job; followers beside jobs."""

from __future__ import annotations

import json
import resource
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median, quantiles
from urllib.parse import urlsplit

from bench_http import WholeJobs
from figures import Figure, Figures, Untrue, in_turns, options
from load import Connection, rate
from serving import Served, memory_bytes, real_disk, serve_cictl, serve_pipeline, served

AGENTS = 2_000
STREAMS = 60
_WAIT_SECONDS = 25
_MIB = 1 << 20


class Waiters:
    """Agents whose leases wait. Each has a connection of its own, and asks for jobs that name it."""

    def __init__(self, url: str, count: int) -> None:
        parts = urlsplit(url)
        self._poll = select.epoll()
        self._agents: dict[int, str] = {}
        self._sockets: list[socket.socket] = []
        for number in range(count):
            connection = socket.create_connection((parts.hostname, parts.port))
            self._sockets.append(connection)
            agent = f"idle-{number}"
            body = json.dumps(
                {"agent_id": agent, "wait_seconds": _WAIT_SECONDS, "capabilities": {"os": "linux", "only": agent}}
            )
            connection.sendall(
                f"POST /api/v1/agent/lease HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            self._agents[connection.fileno()] = agent
            self._poll.register(connection.fileno(), select.EPOLLIN)

    def answered(self, seconds: float) -> list[str]:
        """Return the agents whose answers have come, after at most *seconds*."""
        return [self._agents[number] for number, _ in self._poll.poll(seconds)]

    def close(self) -> None:
        for connection in self._sockets:
            connection.close()
        self._poll.close()


def measure_waiting(report: Figures, server: Served, *, count: int) -> None:
    """Let *count* agents wait, and measure what that costs. `/healthz` is asked before and meanwhile."""
    before = memory_bytes(server.pid)
    waiters = Waiters(server.url, count)
    try:
        deadline = time.monotonic() + 20
        while (waiting := server.metric("cictl_waiting_leases")) < count:
            if time.monotonic() > deadline:
                raise Untrue(f"{waiting:.0f} of {count} leases wait")
            time.sleep(0.05)
        did = f"{count:,} leases wait"
        used = (memory_bytes(server.pid) - before) / _MIB
        report.add(Figure(name=f"memory of {count:,} waiting agents", value=used, unit="MiB", target="<= 64", did=did))
        health = health_seconds(server.url, 200)
        worst = quantiles(health, n=100)[98] * 1000
        report.add(
            Figure(
                name="/healthz beside them, p99", value=worst, unit="ms", target="<= 50", did=f"{len(health)} requests"
            )
        )
        if early := waiters.answered(0):
            raise Untrue(f"{len(early)} leases were answered before there was work")
    finally:
        waiters.close()


def health_seconds(url: str, count: int) -> list[float]:
    connection = Connection(url)
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        connection.send("GET", "/healthz")
        taken.append(time.perf_counter() - begun)
        time.sleep(0.005)
    connection.close()
    return taken


@contextmanager
def following(url: str, count: int) -> Iterator[list[socket.socket]]:
    """Open *count* event streams. Whoever follows must also read, so each is read by one thread that throws away what comes."""
    parts = urlsplit(url)
    over = threading.Event()
    poll, read = select.epoll(), [0]
    with ExitStack() as stack:
        streams = []
        for _ in range(count):
            stream = stack.enter_context(socket.create_connection((parts.hostname, parts.port)))
            stream.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            poll.register(stream.fileno(), select.EPOLLIN)
            streams.append(stream)
        by_number = {stream.fileno(): stream for stream in streams}

        def drain() -> None:
            while not over.is_set():
                for number, _ in poll.poll(0.1):
                    read[0] += len(by_number[number].recv(1 << 18))

        thread = threading.Thread(target=drain)
        thread.start()
        try:
            yield streams
        finally:
            over.set()
            thread.join()
            if not read[0] and count:
                raise Untrue("the streams told nothing")


def measure_streams(report: Figures, server: Served, *, streams: int, seconds: float, rounds: int) -> None:
    """Measure whole jobs beside event streams, in turns with whole jobs alone."""
    alone, beside = WholeJobs(), WholeJobs()

    def with_streams() -> float:
        with following(server.url, streams):
            return rate(server.url, beside, connections=16, seconds=seconds)

    _, found, ratio = in_turns(
        lambda: rate(server.url, alone, connections=16, seconds=seconds), with_streams, rounds=rounds
    )
    did = f"{alone.done + beside.done:,} jobs"
    name = f"whole jobs beside {streams} event streams"
    report.add(Figure(name=name, value=found, unit="/s", ratio=ratio, base="jobs alone", target=">= 0.9", did=did))


def measure_wakes(report: Figures, server: Served, *, count: int, jobs: int) -> None:
    """Let *count* agents wait, queue single jobs, and measure how soon somebody has each."""
    waiters = Waiters(server.url, count)
    connection = Connection(server.url)
    try:
        while server.metric("cictl_waiting_leases") < count:
            time.sleep(0.05)
        taken = []
        for _ in range(jobs):
            begun = time.perf_counter()
            connection.send("POST", "/api/v1/pipelines/1/run-selection", b"{}", expect=(201,))
            if not waiters.answered(10):
                raise Untrue("a job was queued, and nobody got it")
            taken.append((time.perf_counter() - begun) * 1000)
        report.add(
            Figure(
                name=f"enqueue to lease, {count:,} waiting agents, p50",
                value=median(taken),
                unit="ms",
                target="<= 20",
                did=f"{jobs} jobs",
            )
        )
    finally:
        connection.close()
        waiters.close()


def main() -> None:
    arguments, report = options(__doc__)
    count = AGENTS // 10 if arguments.quick else AGENTS
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with real_disk("bench-waiting-") as home, served(serve_cictl, str(home), 0, 0) as server:
        measure_waiting(report, server, count=count)
    with real_disk("bench-waiting-") as home, served(serve_pipeline, str(home)) as server:
        measure_wakes(report, server, count=count, jobs=20 if arguments.quick else 100)
    with real_disk("bench-waiting-") as home, served(serve_cictl, str(home), 40_000, 0) as server:
        seconds, rounds = (0.5, 3) if arguments.quick else (2.0, 5)
        measure_streams(report, server, streams=STREAMS, seconds=seconds, rounds=rounds)


if __name__ == "__main__":
    main()
