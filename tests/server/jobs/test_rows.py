"""Rows of a matrix that wait for each other."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.jobs import Cause, JobExecution, JobStatus
from cictl.wire.waiting.explain import Explanation, Reason

ROWS = "include: [{name: a}, {name: b}, {name: c}, {name: d}]"


def start(server: RunningServer, policy: str, *, rest: str = "", before: str = "") -> list[str]:
    for agent in ("a", "b", "c", "d"):
        server.heartbeat(agent)
    job = f"{{id: rows, matrix: {{{ROWS}, {policy}}}, {rest} steps: [{{run: x}}]}}"
    return server.run(server.define(f"[{before} {job}]"))


def names(server: RunningServer, *agents: str) -> list[str]:
    """Let agents ask for work, and return the rows that they got."""
    given = (server.lease(agent).job_execution for agent in agents)
    return [job.facts.matrix_name for job in given if job is not None]


def finish(server: RunningServer, job_id: str, agent: str, status: str = "succeeded") -> JobExecution:
    server.report(job_id, "running", agent)
    server.report(job_id, status, agent)
    return server.job(job_id)


def statuses(server: RunningServer, ids: list[str]) -> list[str]:
    return [str(server.job(job_id).status) for job_id in ids]


def test_only_so_many_rows_run_at_once_in_their_order(server: RunningServer) -> None:
    ids = start(server, "max_parallel: 2")
    assert names(server, "a", "b", "c") == ["a", "b"]
    finish(server, ids[1], "b")
    assert names(server, "b", "c") == ["c"]
    finish(server, ids[0], "a", "failed")
    assert names(server, "a", "c") == ["d"]


def test_a_waiting_row_tells_what_it_waits_for(server: RunningServer) -> None:
    ids = start(server, "max_parallel: 1")
    explained = server.read(Explanation, f"/api/v1/jobs/{ids[3]}/explain")
    assert (explained.reason, explained.summary) == (Reason.BLOCKED, "it waits for a (queued)")


@pytest.mark.parametrize("way", ["cancel", "restart"])
def test_a_row_that_is_cancelled_makes_place(server: RunningServer, way: str) -> None:
    ids = start(server, "max_parallel: 1")
    server.cancel(ids[0])
    if way == "restart":
        server.restart()
    assert names(server, "a", "b") == ["b"]


def test_rows_wait_for_needs_and_for_each_other(server: RunningServer) -> None:
    first, *ids = start(server, "max_parallel: 1", rest="needs: [first],", before="{id: first, steps: [{run: x}]},")
    assert names(server, "a", "b") == [""]
    finish(server, first, "a")
    assert names(server, "a", "b") == ["a"]
    finish(server, ids[0], "a")
    assert names(server, "a", "b") == ["b"]


def test_skipped_rows_take_no_place(server: RunningServer) -> None:
    start(server, "max_parallel: 1", rest="if: name == 'c' or name == 'd',")
    assert names(server, "a", "b") == ["c"]


def test_a_cancelled_row_that_runs_again_waits_for_its_turn(server: RunningServer) -> None:
    ids = start(server, "max_parallel: 1")
    server.cancel(ids[3])
    server.post(f"/api/v1/jobs/{ids[3]}/rerun")
    assert names(server, "a", "b", "c") == ["a"]
    for agent, job_id in zip("abc", ids[:3], strict=True):
        if agent != "a":
            assert server.leased(agent).id == job_id
        finish(server, job_id, agent)
    assert names(server, "d") == ["d"]


def test_the_failure_of_a_row_cancels_those_that_wait(server: RunningServer) -> None:
    ids = start(server, "fail_fast: true", rest="artifacts: [x],")
    assert names(server, "a", "b") == ["a", "b"]
    finish(server, ids[0], "a", "failed")
    assert statuses(server, ids) == ["failed", "leased", "failed", "failed"]
    c = server.job(ids[2])
    assert (c.cause, c.error) == (Cause.CANCELLED, "cancelled: row a failed, and its matrix says fail_fast")
    explained = server.read(Explanation, f"/api/v1/jobs/{c.id}/explain")
    assert explained.summary == f"it was {c.error}"
    assert finish(server, ids[1], "b").status is JobStatus.SUCCEEDED, "what runs goes on"


def test_what_needs_the_job_ends_with_it(server: RunningServer) -> None:
    ids = start(server, "fail_fast: true, max_parallel: 1", before="{id: last, needs: [rows], steps: [{run: x}]},")
    assert names(server, "a") == ["a"]
    finish(server, ids[1], "a", "failed")
    assert statuses(server, ids) == ["failed"] * 5
    assert server.job(ids[0]).cause is Cause.DEPENDENCY_FAILED


@pytest.mark.parametrize(
    ("policy", "rest", "status"),
    [
        pytest.param("fail_fast: false", "", "failed", id="not-asked-for"),
        pytest.param("fail_fast: true", "allow_failure: true,", "failed", id="a-failure-that-is-allowed"),
        pytest.param("fail_fast: true", "", "succeeded", id="no-failure"),
    ],
)
def test_other_ends_cancel_nothing(server: RunningServer, policy: str, rest: str, status: str) -> None:
    ids = start(server, policy, rest=rest)
    assert names(server, "a") == ["a"]
    finish(server, ids[0], "a", status)
    assert statuses(server, ids[1:]) == ["queued"] * 3


def test_the_cancel_of_a_row_cancels_no_other(server: RunningServer) -> None:
    ids = start(server, "fail_fast: true")
    server.cancel(ids[0])
    assert statuses(server, ids[1:]) == ["queued"] * 3
