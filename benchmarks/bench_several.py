"""Two servers on one PostgreSQL, in turns with one of them, both on this machine; and what each part takes of the processors.

The targets hold where there are processors for all: one for each server, which runs one thread of Python at a time, and others for PostgreSQL and the
generator. Where there are not, each server gets a small share of one, as if it ran on a small machine of its own: then the servers are the limit, as they
would be there, and what they do together tells whether they hinder each other.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import psutil
from bench_http import CAPABILITIES, Heartbeats, Scenario, WholeJobs
from cictl_testing.servers.postgres import Postgres
from figures import Figure, Figures, Untrue, in_turns, options
from load import Connection, rate
from serving import Served, real_disk, serve_database, served
from shares import ENOUGH_PROCESSORS, share_of_processor

SHARE = 0.35
"""Of one processor for each server, where there are few."""

CONNECTIONS = 16
QUEUED = 20_000
_PIECE = 16 << 10


class Summaries(Scenario):
    """The groups of the queue and of the history."""

    def __call__(self, connection: Connection, _index: int) -> int:
        _, answer = connection.send("GET", "/api/v1/jobs?view=summary")
        if not json.loads(answer).get("total"):
            raise Untrue("a summary that should tell of jobs tells of none")
        self.did()
        return 1


class Reads(Scenario):
    """The list of jobs, as a page that shows it asks."""

    def __call__(self, connection: Connection, _index: int) -> int:
        _, answer = connection.send("GET", "/api/v1/jobs?max=20")
        if not json.loads(answer).get("job_executions"):
            raise Untrue("a list that should have jobs has none")
        self.did()
        return 1


class LogPieces(Scenario):
    """Pieces of 16 KiB for one log of each connection."""

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[int, str] = {}
        self._sizes: dict[int, int] = {}

    def __call__(self, connection: Connection, index: int) -> int:
        agent = f"writer-{index}"
        if index not in self._jobs:
            asked = b'{"agent_id":"%s","capabilities":%s}' % (agent.encode(), CAPABILITIES)
            _, answer = connection.send("POST", "/api/v1/agent/lease", asked)
            self._jobs[index], self._sizes[index] = json.loads(answer)["job_execution"]["id"], 0
        piece = {"agent_id": agent, "status": "running", "output_append": "x" * _PIECE}
        body = json.dumps({**piece, "output_offset": self._sizes[index]}).encode()
        path = f"/api/v1/jobs/{self._jobs[index]}/status"
        connection.send("POST", path, body, headers="Prefer: return=minimal\r\n")
        self._sizes[index] += _PIECE
        self.did()
        return 1


Work = Heartbeats | Reads | LogPieces | WholeJobs


def _rate(servers: list[Served], work: Work, *, seconds: float) -> float:
    """Return the requests per second of all connections, which are spread evenly over *servers*."""
    each = CONNECTIONS // len(servers)

    def ask(number: int) -> float:
        return rate(
            servers[number].url,
            lambda connection, index: work(connection, index + number * each),
            connections=each,
            seconds=seconds,
        )

    with ThreadPoolExecutor(len(servers)) as threads:
        return sum(threads.map(ask, range(len(servers))))


def _processor_seconds() -> dict[str, float]:
    """Return how long each part has used a processor so far."""
    own = psutil.Process()
    taken = {"generator": _of(own), "servers": 0.0, "PostgreSQL": 0.0}
    for child in own.children(recursive=True):
        taken["PostgreSQL" if child.name().startswith("postgres") else "servers"] += _of(child)
    return taken


def _of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _compare(
    report: Figures, name: str, work: Work, servers: list[Served], *, how: str, target: str, seconds: float, rounds: int
) -> None:
    before = _processor_seconds()
    _, found, ratio = in_turns(
        lambda: _rate(servers[:1], work, seconds=seconds),
        lambda: _rate(servers, work, seconds=seconds),
        rounds=rounds,
    )
    after = _processor_seconds()
    parts = ", ".join(f"{part} {1000 * (after[part] - before[part]) / max(work.done, 1):.2f}" for part in before)
    did = f"{how}; ms of processor time for each: {parts}"
    report.add(
        Figure(name=f"{name}, two servers", value=found, unit="/s", ratio=ratio, base="one", target=target, did=did)
    )


def _shared(name: str, server: Served) -> AbstractContextManager[bool]:
    if (os.cpu_count() or 1) >= ENOUGH_PROCESSORS:
        return nullcontext(False)
    return share_of_processor(name, server.pid, SHARE)


def main() -> None:
    arguments, report = options(__doc__)
    seconds, rounds = (0.5, 3) if arguments.quick else (2.0, 7)
    postgres = Postgres(is_durable=True)
    try:
        with (
            real_disk("bench-several-") as home,
            served(serve_database, str(home / "one"), postgres.url, QUEUED // 10 if arguments.quick else QUEUED) as one,
            served(serve_database, str(home / "two"), postgres.url, 0) as two,
            _shared("one", one) as is_limited,
            _shared("two", two),
        ):
            how = f"each server has {SHARE:.0%} of a processor" if is_limited else "the servers share the processors"
            for name, work, target in (
                ("heartbeats", Heartbeats(), ">= 1.8"),
                ("lists of jobs", Reads(), ">= 1.8"),
                ("pieces of logs", LogPieces(), ">= 1.8"),
                ("whole jobs", WholeJobs(), ">= 1.3"),
            ):
                _compare(report, name, work, [one, two], how=how, target=target, seconds=seconds, rounds=rounds)
    finally:
        postgres.remove()


if __name__ == "__main__":
    main()
