"""Concurrency groups cost a lease nothing, however long their lines are. What is counted are calls of functions: no clock decides."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.stores.records import make_job, put_jobs

from cictl.base.job_parts import ConcurrencySpec
from cictl.wire.agents import LeaseRequest
from cictl_server.store.records.jobs import JobRecord

QUEUED = 20_000
GROUPS = 200
FEW = 3 * GROUPS


def calls(work: Callable[[], object]) -> int:
    """Return how many functions *work* calls."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def queued(number: int, *, groups: int) -> JobRecord:
    """Return an execution in one of *groups*, with a place if it is the first there."""
    facts = {"project": "shop", "project_id": "1", "run_number": f"{number}", "pipeline_run_id": f"run-{number}"}
    if not groups:
        return make_job(number, metadata=facts)
    waits = {"group_blocked": "1"} if number > groups else {}
    return make_job(number, metadata=facts | waits, concurrency=ConcurrencySpec(group=f"g{number % groups}"))


def costs(directory: Path, *, count: int, groups: int) -> tuple[int, int]:
    """Return what a lease, and the end of what it gave, cost while *count* executions are queued."""
    server = RunningServer(directory)
    try:
        put_jobs(server.store, *(queued(number, groups=groups) for number in range(1, count + 1)))
        leasing = server.services.jobs.leasing
        lease = calls(lambda: leasing.lease(LeaseRequest(agent_id="a")))
        server.report("job-1", "running")
        return lease, calls(lambda: server.report("job-1", "succeeded"))
    finally:
        server.close()


@pytest.mark.tinydb
def test_long_lines_cost_a_lease_and_an_end_nothing(tmp_path: Path) -> None:
    lease, end = costs(tmp_path / "long lines", count=QUEUED, groups=GROUPS)
    lease_without, _ = costs(tmp_path / "no groups", count=FEW, groups=0)
    _, end_short = costs(tmp_path / "short lines", count=FEW, groups=GROUPS)
    assert lease < 1.1 * lease_without
    assert end < 1.1 * end_short
