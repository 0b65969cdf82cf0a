"""What the store costs: `python benchmarks/bench_store.py [--quick]`.

Ratios compare two sizes within one run, because absolute numbers depend on the machine and its disk. The documents are
about 1.5 KB, as those of real executions are.
"""

from __future__ import annotations

import argparse
import gc
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from cictl.wire.jobs import JobStatus, Source, Step
from cictl_server.store.records import JobRecord
from cictl_server.store.tiny import TinyStore

CREATED = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
BASE = 1_772_366_400_000_000_000
"""Numbers of executions are nanoseconds."""


def make_job(index: int, status: JobStatus = JobStatus.SUCCEEDED) -> JobRecord:
    """Return an execution whose document has about 1.5 KB, one of four of its run."""
    steps = [
        Step(index=i, total=3, name=f"step {i}", script="make all\n" * 12, env={"MODE": "release", "LEVEL": "3"})
        for i in (1, 2, 3)
    ]
    return JobRecord(
        number=BASE + index,
        script="set -eu\n" + "make all\n" * 36,
        status=status,
        created=CREATED,
        required_capabilities={"os": "linux", "arch": "amd64", "tool.python": f">=3.{index % 5 + 8}"},
        timeout_seconds=3600,
        env={"RELEASE": "1.4.2", "TARGET": "x86_64-unknown-linux-gnu"},
        artifact_globs=["dist/**"],
        source=Source(repo="https://git.example.test/shop.git", ref="main"),
        metadata={
            "project_id": str(index % 7),
            "project": "shop",
            "pipeline_id": f"pipeline-{index % 11}",
            "pipeline_run_id": f"run-{BASE + index // 4}",
            "chain_run_id": f"chain-{BASE + index // 16}",
            "pipeline_job_id": "compile",
            "pipeline_version": "1.4.2",
        },
        step_plan=steps,
        agent_id="" if status is JobStatus.QUEUED else f"agent-{index % 20}",
    )


def fill(store: TinyStore, start: int, stop: int, status: JobStatus) -> None:
    for first in range(start, stop, 1000):
        with store.write() as tx:
            for index in range(first, min(first + 1000, stop)):
                tx.jobs.put(make_job(index, status))


def rate(action: Callable[[int], None], times: int) -> float:
    """Return how many times a second *action* ran."""
    gc.collect()
    begin = time.perf_counter()
    for index in range(times):
        action(index)
    return times / (time.perf_counter() - begin)


def commit_rate(store: TinyStore, *, threads: int, commits: int, start: int) -> float:
    """Return durable commits a second of *threads* that together make *commits*."""
    each = commits // threads

    def work(thread: int) -> None:
        for index in range(each):
            with store.write() as tx:
                tx.jobs.put(make_job(start + thread * each + index))

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    begin = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return each * threads / (time.perf_counter() - begin)


def claim_rate(store: TinyStore, *, times: int) -> float:
    """Return how many times a second the oldest waiting execution is claimed, durably, and put back."""

    def claim(_: int) -> None:
        with store.write() as tx:
            job = tx.jobs.claimable(lambda required: required["os"] == "linux")
            assert job is not None
            tx.jobs.put(replace(job, status=JobStatus.LEASED, agent_id="a"))
        with store.write() as tx:
            tx.jobs.put(job)

    return rate(claim, times)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def measure(directory: Path, *, scale: int) -> None:
    commits, history, queue = 16_000 // scale, 50_000 // scale, 20_000 // scale
    with TinyStore.open(directory / "a") as store:
        one = commit_rate(store, threads=1, commits=commits, start=0)
        sixteen = commit_rate(store, threads=16, commits=commits, start=commits)
    print(f"durable commits/s, 1 thread        {one:10,.0f}")
    print(f"durable commits/s, 16 threads      {sixteen:10,.0f}   x{sixteen / one:.2f}")
    with TinyStore.open(directory / "b") as store:
        fill(store, 0, 20, JobStatus.QUEUED)
        few = claim_rate(store, times=commits // 8)
        fill(store, 20, queue, JobStatus.QUEUED)
        many = claim_rate(store, times=commits // 8)
        print(f"claim and put back/s, 20 queued    {few:10,.0f}")
        print(f"claim and put back/s, {queue:6,} queued{many:9,.0f}   x{many / few:.2f}")
    with TinyStore.open(directory / "c") as store:
        empty = commit_rate(store, threads=1, commits=commits // 4, start=0)
        fill(store, commits, commits + history, JobStatus.SUCCEEDED)
        full = commit_rate(store, threads=1, commits=commits // 4, start=commits + history)
        print(f"commits/s, {history:6,} finished         {full:10,.0f}   x{full / empty:.2f} of empty")


def measure_opening(directory: Path, *, jobs: int) -> None:
    with TinyStore.open(directory) as store:
        fill(store, 0, jobs, JobStatus.SUCCEEDED)
    sys.stdout.flush()
    subprocess.run([sys.executable, __file__, "--open", str(directory)], check=True)


def open_and_report(directory: Path) -> None:
    """In a fresh process, so that the memory is that of the opened store."""
    before = resident_bytes()
    begin = time.perf_counter()
    with TinyStore.open(directory) as store, store.read() as view:
        seconds = time.perf_counter() - begin
        jobs = view.jobs.count()
        grown = resident_bytes() - before
        print(f"open {jobs:7,} jobs                  {seconds:10.2f} s, {grown / jobs:,.0f} bytes resident each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes")
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.open:
        open_and_report(arguments.open)
        return
    directory = Path(tempfile.mkdtemp(prefix="bench-store-", dir="."))  # /tmp may be memory
    try:
        measure(directory, scale=10 if arguments.quick else 1)
        measure_opening(directory / "d", jobs=100_000 // (10 if arguments.quick else 1))
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
