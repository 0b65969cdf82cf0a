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
from itertools import count
from pathlib import Path
from statistics import median

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


def update_rate(store: TinyStore, times: int) -> float:
    """Return how many times a second one execution is changed, durably."""
    job = make_job(10**9)

    def update(index: int) -> None:
        with store.write() as tx:
            tx.jobs.put(replace(job, log_size=index))

    return rate(update, times)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def in_turns(first: Callable[[], float], second: Callable[[], float], *, rounds: int = 9) -> tuple[float, float, float]:
    """Return the medians of both rates and of their ratio; taking turns evens out what else the machine does."""
    pairs = [(first(), second()) for _ in range(rounds)]
    return median(a for a, _ in pairs), median(b for _, b in pairs), median(b / a for a, b in pairs)


def measure_threads(store: TinyStore, *, commits: int) -> None:
    starts = count(0, commits)
    one, sixteen, ratio = in_turns(
        lambda: commit_rate(store, threads=1, commits=commits, start=next(starts)),
        lambda: commit_rate(store, threads=16, commits=commits, start=next(starts)),
    )
    print(f"durable commits/s, 1 thread          {one:9,.0f}")
    print(f"durable commits/s, 16 threads        {sixteen:9,.0f}   x{ratio:.2f}")


def measure_claims(short: TinyStore, long: TinyStore, *, queued: int, times: int) -> None:
    fill(short, 0, 20, JobStatus.QUEUED)
    fill(long, 0, queued, JobStatus.QUEUED)
    few, many, ratio = in_turns(lambda: claim_rate(short, times=times), lambda: claim_rate(long, times=times))
    print(f"claim and put back/s,     20 queued  {few:9,.0f}")
    print(f"claim and put back/s, {queued:6,} queued  {many:9,.0f}   x{ratio:.2f}")


def measure_history(empty: TinyStore, full: TinyStore, *, finished: int, commits: int) -> None:
    fill(full, 0, finished, JobStatus.SUCCEEDED)

    nothing, much, ratio = in_turns(lambda: update_rate(empty, commits), lambda: update_rate(full, commits))
    print(f"commits/s,      0 finished           {nothing:9,.0f}")
    print(f"commits/s, {finished:6,} finished           {much:9,.0f}   x{ratio:.2f}")


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
        print(f"open {jobs:7,} jobs                    {seconds:9.2f} s, {grown / jobs:,.0f} bytes resident each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes")
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.open:
        open_and_report(arguments.open)
        return
    directory = Path(tempfile.mkdtemp(prefix="bench-store-", dir="."))  # /tmp may be memory
    scale = 10 if arguments.quick else 1
    try:
        with TinyStore.open(directory / "threads") as store:
            measure_threads(store, commits=3_200 // scale)
        with TinyStore.open(directory / "short") as short, TinyStore.open(directory / "long") as long:
            measure_claims(short, long, queued=20_000 // scale, times=300 // scale)
        with TinyStore.open(directory / "empty") as empty, TinyStore.open(directory / "full") as full:
            measure_history(empty, full, finished=50_000 // scale, commits=1_000 // scale)
        measure_opening(directory / "large", jobs=100_000 // scale)
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
