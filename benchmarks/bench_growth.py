"""What growing changes: a second server on one database, and a database full of history against an empty one.

All of it runs on this machine: PostgreSQL, the servers and who loads them share its cores, so two servers here gain less than two machines.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from concurrent.futures import ThreadPoolExecutor

from bench_http import Heartbeats, ManyHeartbeats, WholeJobs
from bench_several import Reads, Summaries
from cictl_testing.servers.postgres import Postgres
from figures import Figure, Figures, in_turns, options
from load import rate
from serving import Served, real_disk, serve_database, serve_full_database, served

CONNECTIONS = 16
QUEUED = 20_000
MANY_QUEUED, MANY_FINISHED = 100_000, 1_000_000


def _of_both(one: Served, other: Served, kind: type[WholeJobs | Heartbeats], *, seconds: float) -> float:
    """Return the requests per second of two servers at once, each with half of the connections, which are other agents."""
    half = CONNECTIONS // 2

    def of_one(server: Served, first: int) -> float:
        work = kind()
        return rate(
            server.url, lambda connection, index: work(connection, first + index), connections=half, seconds=seconds
        )

    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(of_one, (one, other), (0, half)))


def _two_servers(report: Figures, one: Served, other: Served, *, seconds: float, rounds: int) -> None:
    for name, kind, target in (("heartbeat", Heartbeats, ">= 1.8"), ("whole job", WholeJobs, ">= 1.3")):
        _, found, ratio = in_turns(
            lambda kind=kind: rate(one.url, kind(), connections=CONNECTIONS, seconds=seconds),  # type: ignore[misc]
            lambda kind=kind: _of_both(one, other, kind, seconds=seconds),  # type: ignore[misc]
            rounds=rounds,
        )
        report.add(Figure(name=f"{name}, two servers", value=found, unit="/s", ratio=ratio, base="one", target=target))


def _full(report: Figures, empty: Served, full: Served, *, seconds: float, rounds: int) -> None:
    for name, kind in (
        ("heartbeat of 1,000 agents", ManyHeartbeats),
        ("whole job", WholeJobs),
        ("list of jobs", Reads),
        ("summary of jobs", Summaries),
    ):
        _, found, ratio = in_turns(
            lambda kind=kind: rate(empty.url, kind(), connections=CONNECTIONS, seconds=seconds),  # type: ignore[misc]
            lambda kind=kind: rate(full.url, kind(), connections=CONNECTIONS, seconds=seconds),  # type: ignore[misc]
            rounds=rounds,
        )
        report.add(
            Figure(name=f"{name}, full history", value=found, unit="/s", ratio=ratio, base="empty", target=">= 0.8")
        )


def main() -> None:
    arguments, report = options(__doc__)
    seconds, rounds = (1.0, 3) if arguments.quick else (2.0, 7)
    share = 10 if arguments.quick else 1
    postgres = Postgres(is_durable=True)
    try:
        with (
            postgres.schema() as url,
            real_disk("bench-growth-") as home,
            served(serve_database, str(home / "files"), url, QUEUED) as one,
        ):
            with served(serve_database, str(home / "files"), url, 0) as other:
                _two_servers(report, one, other, seconds=seconds, rounds=rounds)
            with (
                postgres.schema() as full_url,
                served(
                    serve_full_database, str(home / "full"), full_url, MANY_QUEUED // share, MANY_FINISHED // share
                ) as full,
            ):
                _full(report, one, full, seconds=seconds, rounds=rounds)
    finally:
        postgres.remove()


if __name__ == "__main__":
    main()
