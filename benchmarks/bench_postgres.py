"""Whole jobs and heartbeats on one server with PostgreSQL, in turns with one with TinyDB, both on this machine. Target: at least half as many.

And heartbeats with tokens, in turns with those without, both on PostgreSQL.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import psycopg
from bench_auth import AGENTS
from bench_auth import Heartbeats as GuardedHeartbeats
from bench_http import Heartbeats, WholeJobs
from cictl_testing.servers.postgres import Postgres
from figures import Figure, Figures, in_turns, options
from load import rate
from serving import TOKENS, Served, real_disk, serve_cictl, serve_database, serve_guarded, served

CONNECTIONS = 16
QUEUED = 20_000


def _compare(
    report: Figures,
    name: str,
    kind: type[WholeJobs | Heartbeats],
    tiny: Served,
    grown: Served,
    *,
    seconds: float,
    rounds: int,
) -> WholeJobs | Heartbeats:
    """Measure one scenario on both servers in turns, and return that of PostgreSQL."""
    on_tiny, on_grown = kind(), kind()
    _, found, ratio = in_turns(
        lambda: rate(tiny.url, on_tiny, connections=CONNECTIONS, seconds=seconds),
        lambda: rate(grown.url, on_grown, connections=CONNECTIONS, seconds=seconds),
        rounds=rounds,
    )
    did = f"{on_grown.done:,} done, {on_tiny.done:,} on TinyDB"
    report.add(Figure(name=name, value=found, unit="/s", ratio=ratio, base="TinyDB", target=">= 0.5", did=did))
    return on_grown


def _compare_tokens(report: Figures, free: Served, guarded: Served, home: Path, *, seconds: float, rounds: int) -> None:
    without, right = GuardedHeartbeats([""] * AGENTS), GuardedHeartbeats(json.loads((home / TOKENS).read_text()))
    _, found, ratio = in_turns(
        lambda: rate(free.url, without, connections=AGENTS, seconds=seconds),
        lambda: rate(guarded.url, right, connections=AGENTS, seconds=seconds),
        rounds=rounds,
    )
    name = "heartbeat with a token, records in PostgreSQL"
    report.add(Figure(name=name, value=found, unit="/s", ratio=ratio, base="without", target=">= 0.87"))


def _statements(postgres: Postgres) -> int:
    """Return how many transactions PostgreSQL has ended so far."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        row = connection.execute("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'postgres'")
        found = row.fetchone()
    assert found is not None
    return int(found[0])


def main() -> None:
    arguments, report = options(__doc__)
    seconds, rounds = (0.5, 3) if arguments.quick else (2.0, 7)
    queued = QUEUED // 10 if arguments.quick else QUEUED
    postgres = Postgres(is_durable=True)
    try:
        with (
            real_disk("bench-postgres-") as home,
            served(serve_cictl, str(home / "tiny"), queued, 0) as tiny,
            served(serve_database, str(home / "grown"), postgres.url, queued) as grown,
            postgres.schema() as guarded_url,
            served(serve_guarded, str(home / "guarded"), AGENTS, guarded_url) as guarded,
        ):
            shared = {"tiny": tiny, "grown": grown, "seconds": seconds, "rounds": rounds}
            _compare(report, "heartbeat, records in PostgreSQL", Heartbeats, **shared)  # type: ignore[arg-type]
            before = _statements(postgres)
            jobs = _compare(report, "whole durable job per request, PostgreSQL", WholeJobs, **shared)  # type: ignore[arg-type]
            each = (_statements(postgres) - before) / max(jobs.done, 1)
            report.add(Figure(name="transactions of PostgreSQL for a whole job", value=each, unit=""))
            _compare_tokens(report, grown, guarded, home / "guarded", seconds=seconds, rounds=rounds)
    finally:
        postgres.remove()


if __name__ == "__main__":
    main()
