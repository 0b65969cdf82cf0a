"""What the audit costs: a share of a request, however many records there are."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cictl_testing.files import make_repository
from cictl_testing.server import RunningServer

from cictl_server.http import auditing

pytestmark = pytest.mark.tinydb

FILE = """\
version: 1
project: {name: shop}
pipelines: [{id: build, vcs_source: {repo: REPOSITORY, ref: main}, jobs: [{id: work, steps: [{run: make}]}]}]
"""


@contextmanager
def unaudited() -> Iterator[None]:
    """Let no request have a deed, as if there were no audit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auditing, "DEEDS", {})
        yield


def test_the_audit_takes_a_tenth_of_a_run_request_at_most(server: RunningServer, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    make_repository(repository, {"cictl.yaml": FILE.replace("REPOSITORY", str(repository))})
    assert server.http.simulate_post("/api/v1/projects/import", json={"repo_url": str(repository)}).status_code == 201
    with_audit = without = 0.0
    for _ in range(20):
        with_audit += cpu_seconds_of_runs(server, 3)
        with unaudited():
            without += cpu_seconds_of_runs(server, 3)
    assert len(server.audit(action="run.started")) == 60
    assert with_audit <= 1.1 * without


def test_a_record_costs_the_same_whatever_was_recorded_before(server: RunningServer) -> None:
    sizes = []
    for _ in range(2):
        before = server.store.figures().sizes["journal"]
        assert server.post("/api/v1/jobs/clear-queue").status_code == 200
        sizes.append(server.store.figures().sizes["journal"] - before)
        for _ in range(1000):
            server.post("/api/v1/jobs/clear-queue")
    assert sizes[1] < 1.2 * sizes[0]
    assert sizes[1] < 1500


def test_ten_thousand_records_come_in_parts_that_cost_as_much_as_those_of_few(server: RunningServer) -> None:
    for _ in range(1000):
        server.post("/api/v1/jobs/clear-queue")
    few = min(seconds_of_a_page(server) for _ in range(10))
    for _ in range(9000):
        server.post("/api/v1/jobs/clear-queue")
    assert min(seconds_of_a_page(server) for _ in range(10)) < 3 * few


def cpu_seconds_of_runs(server: RunningServer, times: int) -> float:
    """Return the processor's time for so many runs, with that of git; what the machine does besides does not count."""
    begun = _cpu_seconds()
    for _ in range(times):
        answer = server.http.simulate_post("/api/v1/pipelines/1/run-selection", body=b"{}")
        assert answer.status_code == 201, answer.text
    return _cpu_seconds() - begun


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def seconds_of_a_page(server: RunningServer) -> float:
    begun = time.process_time()
    assert len(server.get("/api/v1/audit").json["records"]) == 100
    return time.process_time() - begun
