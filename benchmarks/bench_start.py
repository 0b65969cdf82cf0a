"""How soon `cictl serve` is ready, and how much memory it holds: idle, and after 1,000 jobs."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path

from bench_http import WholeJobs
from executions import fill
from figures import Figure, Figures, Untrue, in_turns, options
from load import Connection
from programs import Program, serving
from serving import real_disk

from cictl.wire.jobs import JobStatus
from cictl_server.store.tiny.store import TinyStore

JOBS = 1_000
AGENTS = 4
_SETTLED_SECONDS = 2.0
_MB = 1e6


def python_seconds() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - begun


def ready_seconds(data: Path) -> float:
    with serving(data) as server:
        return server.seconds


def measure_start(report: Figures, home: Path, *, rounds: int) -> None:
    numbers = count()
    _, seconds, ratio = in_turns(python_seconds, lambda: ready_seconds(home / f"new-{next(numbers)}"), rounds=rounds)
    name, base = "first answer of a server, empty directory", "python -c pass"
    report.add(Figure(name=name, value=seconds * 1000, unit="ms", ratio=ratio, base=base, target="<= 250 ms"))


def measure_full_start(report: Figures, data: Path, *, jobs: int, rounds: int) -> None:
    with TinyStore.open(data, is_long_lived=True) as store:
        fill(store, 0, jobs, JobStatus.SUCCEEDED)
    _, seconds, ratio = in_turns(python_seconds, lambda: ready_seconds(data), rounds=rounds)
    name, base = f"first answer of a server, jobs: {jobs:,}", "python -c pass"
    report.add(Figure(name=name, value=seconds * 1000, unit="ms", ratio=ratio, base=base, target="<= 1,000 ms"))


def run_jobs(server: Program) -> None:
    """Run `JOBS` jobs that wait, as several agents do.

    Raises:
        Untrue: The server finished another number of them.
    """
    work = WholeJobs()

    def run(index: int) -> None:
        connection = Connection(server.url)
        for _ in range(JOBS // AGENTS):
            work(connection, index)
        connection.close()

    agents = [threading.Thread(target=run, args=(index,)) for index in range(AGENTS)]
    for agent in agents:
        agent.start()
    for agent in agents:
        agent.join()
    if work.done != JOBS:
        raise Untrue(f"{work.done} of {JOBS} jobs were run")


def measure_memory(report: Figures, home: Path) -> None:
    data = home / "memory"
    with serving(data) as server:
        time.sleep(_SETTLED_SECONDS)
        idle = server.process.memory_info().rss
    report.add(Figure(name="memory of an idle server", value=idle / _MB, unit="MB", target="<= 38"))
    with TinyStore.open(data, is_long_lived=True) as store:
        fill(store, 0, JOBS, JobStatus.QUEUED)
    with serving(data) as server:
        run_jobs(server)
        time.sleep(_SETTLED_SECONDS)
        used = server.process.memory_info().rss
    did = f"{JOBS:,} jobs of {AGENTS} agents"
    report.add(
        Figure(name=f"memory of a server after {JOBS:,} jobs", value=used / _MB, unit="MB", target="<= 45", did=did)
    )


def main() -> None:
    arguments, report = options(__doc__)
    with real_disk("bench-start-") as home:
        measure_start(report, home, rounds=3 if arguments.quick else 9)
        jobs = 10_000 if arguments.quick else 100_000
        measure_full_start(report, home / "full", jobs=jobs, rounds=1 if arguments.quick else 3)
        measure_memory(report, home)


if __name__ == "__main__":
    main()
