"""What the store costs: commits, claims, opening, compaction."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from executions import fill, make_job, put_jobs
from figures import Figure, Figures, Untrue, in_turns, options
from msgspec.structs import replace
from serving import real_disk

from cictl.wire.jobs import JobStatus
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.tiny.store import TinyStore

OPEN, COMPACT = "--open", "--compact"
"""Options by which this file calls itself to open the store in a directory in a fresh process, and to compact it there."""

WRITERS = 4


def rate(action: Callable[[int], None], times: int) -> float:
    """Return how often *action* ran in a second."""
    gc.collect()
    begin = time.perf_counter()
    for index in range(times):
        action(index)
    return times / (time.perf_counter() - begin)


def commit_rate(store: TinyStore, *, threads: int, commits: int, start: int) -> float:
    """Return the durable commits a second of so many threads that together make *commits*."""
    each = commits // threads

    def work(thread: int) -> None:
        for index in range(each):
            put_jobs(store, [make_job(start + thread * each + index)])

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    begin = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return each * threads / (time.perf_counter() - begin)


def claim_rate(store: TinyStore, *, times: int) -> float:
    """Return how often in a second the oldest waiting execution is claimed and put back, both durably."""

    def claim(_: int) -> None:
        job = store.write(claim_oldest)
        store.write(lambda tx: tx.jobs.put(job))

    return rate(claim, times)


def claim_oldest(tx: Transaction) -> JobRecord:
    job = tx.jobs.claimable(lambda kind: kind.needs["os"] == "linux")
    assert job is not None
    tx.jobs.put(replace(job, status=JobStatus.LEASED, agent_id="a"))
    return job


def update_rate(store: Store, times: int) -> float:
    """Return how often in a second one execution is changed durably."""
    job = make_job(10**9)

    def update(index: int) -> None:
        store.write(lambda tx: tx.jobs.put(replace(job, log_size=index)))

    return rate(update, times)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def measure_threads(report: Figures, store: TinyStore, *, commits: int) -> None:
    starts = count(0, commits)
    one, sixteen, ratio = in_turns(
        lambda: commit_rate(store, threads=1, commits=commits, start=next(starts)),
        lambda: commit_rate(store, threads=16, commits=commits, start=next(starts)),
    )
    report.add(Figure(name="durable commits, 1 thread", value=one, unit="/s"))
    report.add(Figure(name="durable commits, 16 threads", value=sixteen, unit="/s", ratio=ratio, base="1 thread"))


def measure_claims(report: Figures, short: TinyStore, long: TinyStore, *, queued: int, times: int) -> None:
    fill(short, 0, 20, JobStatus.QUEUED)
    fill(long, 0, queued, JobStatus.QUEUED)
    _, many, ratio = in_turns(lambda: claim_rate(short, times=times), lambda: claim_rate(long, times=times))
    name = f"claim and put back, queued: {queued:,}"
    report.add(Figure(name=name, value=many, unit="/s", ratio=ratio, base="20 queued", target=">= 0.8"))


def measure_opening(report: Figures, directory: Path, *, jobs: int) -> None:
    with TinyStore.open(directory, is_long_lived=True) as store:
        fill(store, 0, jobs, JobStatus.SUCCEEDED)
    # In a fresh process, so that the memory is that of the opened store.
    opened = subprocess.run([sys.executable, __file__, OPEN, str(directory)], check=True, capture_output=True)
    found = json.loads(opened.stdout)
    assert found["jobs"] == jobs, f"{found['jobs']} of {jobs} jobs are there"
    report.add(Figure(name=f"open, jobs: {jobs:,}", value=found["seconds"], unit="s", target="<= 3 s"))
    report.add(
        Figure(name=f"memory a job, jobs: {jobs:,}", value=found["bytes"] / jobs, unit="bytes", target="<= 4,096")
    )


def open_and_tell(directory: Path) -> None:
    """Open a store, and print as JSON how much time and memory that took."""
    before = resident_bytes()
    begin = time.perf_counter()
    with TinyStore.open(directory, is_long_lived=True) as store, store.read() as view:
        seconds = time.perf_counter() - begin
        print(json.dumps({"jobs": view.jobs.count(), "seconds": seconds, "bytes": resident_bytes() - before}))


class Writers:
    """Threads that change executions one after the other, and note how long each change took."""

    def __init__(self, store: TinyStore) -> None:
        self._store = store
        self._stop = threading.Event()
        self.milliseconds: list[float] = []
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(WRITERS)]
        for thread in self._threads:
            thread.start()

    def _write(self, thread: int) -> None:
        job = make_job(10**9 + thread)
        for index in count():
            if self._stop.is_set():
                return
            begun = time.perf_counter()
            self._store.write(lambda tx, index=index: tx.jobs.put(replace(job, log_size=index)))  # type: ignore[misc]
            self.milliseconds.append((time.perf_counter() - begun) * 1000)

    def taken(self) -> list[float]:
        """Return the times since the last call."""
        taken, self.milliseconds = self.milliseconds, []
        return sorted(taken)

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def compact_and_tell(directory: Path) -> None:
    """Compact a store while others write, and print as JSON what that costs them, and how much memory it takes."""
    with TinyStore.open(directory, is_long_lived=True, compaction_bytes=1 << 40) as store:
        writers = Writers(store)
        before = resident_bytes()
        time.sleep(3)
        quiet = writers.taken()
        compaction = threading.Thread(target=store.compact)
        compaction.start()
        peak = before
        while compaction.is_alive():
            peak = max(peak, resident_bytes())
            time.sleep(0.01)
        busy = writers.taken()
        writers.close()
        after = resident_bytes()
        figures = {"quiet": quiet[-1], "p99": busy[len(busy) * 99 // 100], "worst": busy[-1]}
        print(json.dumps({**figures, "changes": len(busy), "peak": peak - before, "after": after}))


def measure_compaction(report: Figures, directory: Path, *, jobs: int) -> None:
    with TinyStore.open(directory, is_long_lived=True) as store:
        fill(store, 0, jobs, JobStatus.SUCCEEDED)
    told = subprocess.run([sys.executable, __file__, COMPACT, str(directory)], check=True, capture_output=True)
    found = json.loads(told.stdout)
    if not found["changes"]:
        raise Untrue("nobody wrote during the compaction")
    did = f"{found['changes']:,} changes by {WRITERS} writers meanwhile; p99 {found['p99']:.1f} ms"
    name, base = f"longest change during a compaction, jobs: {jobs:,}", "the longest before it"
    ratio = found["worst"] / found["quiet"]
    report.add(
        Figure(name=name, value=found["worst"], unit="ms", ratio=ratio, base=base, target="<= 10 ms more", did=did)
    )
    name = f"memory of a compaction, jobs: {jobs:,}"
    report.add(Figure(name=name, value=found["peak"] / 1e6, unit="MB", target="<= 50"))
    name = f"memory a job after it, whole process, jobs: {jobs:,}"
    report.add(Figure(name=name, value=found["after"] / jobs, unit="bytes", target="<= 4,096"))


def main() -> None:
    if sys.argv[1:2] == [OPEN]:
        open_and_tell(Path(sys.argv[2]))
        return
    if sys.argv[1:2] == [COMPACT]:
        compact_and_tell(Path(sys.argv[2]))
        return
    arguments, report = options(__doc__)
    scale = 10 if arguments.quick else 1
    with real_disk("bench-store-") as directory:
        with TinyStore.open(directory / "threads") as store:
            measure_threads(report, store, commits=1_600 // scale)
        with TinyStore.open(directory / "short") as short, TinyStore.open(directory / "long") as long:
            measure_claims(report, short, long, queued=20_000 // scale, times=150 // scale)
        measure_opening(report, directory / "large", jobs=100_000 // scale)
        measure_compaction(report, directory / "larger", jobs=200_000 // scale)


if __name__ == "__main__":
    main()
