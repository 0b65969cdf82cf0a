"""Needs: released when met, ended when they can't be met any more, whatever ended them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.codec import decode
from cictl.wire.jobs import JobExecution, RerunResponse
from cictl_server.store.contract import Transaction

CHAIN = '[{id: a, steps: [{run: "true"}]}, {id: b, needs: [a], steps: [{run: "true"}]}, {id: c, needs: [b], steps: [{run: "true"}]}]'
MATRIX = """[{id: test, matrix: {include: [{name: one}, {name: two}]}, steps: [{run: "true"}]},
             {id: ship, needs: [test], steps: [{run: "true"}]}]"""


def test_a_blocked_execution_is_not_leased_before_its_needs_are_met(server: RunningServer) -> None:
    a, b, c = server.run(server.define(CHAIN))
    assert server.job(b).metadata["needs_blocked"] == "1"
    assert server.finish("succeeded").id == a
    assert "needs_blocked" not in server.job(b).metadata
    assert server.finish("succeeded").id == b
    assert server.finish("succeeded").id == c


def fail_it(server: RunningServer, job: JobExecution) -> None:
    server.report(job.id, "failed")


def cancel_it(server: RunningServer, job: JobExecution) -> None:
    server.cancel(job.id)


def deactivate_its_agent(server: RunningServer, _job: JobExecution) -> None:
    server.act("deactivate")


def lose_its_agent(server: RunningServer, _job: JobExecution) -> None:
    server.clock.step(61)
    server.services.jobs.expiry.run_once()


def let_it_run_out_of_time(server: RunningServer, _job: JobExecution) -> None:
    server.heartbeat()
    server.clock.step(660)
    server.heartbeat()
    server.services.jobs.expiry.run_once()


@pytest.mark.weakness("A5c", "A7.3c", "A10.1c", "W25")
@pytest.mark.parametrize("end", [fail_it, cancel_it, deactivate_its_agent, lose_its_agent, let_it_run_out_of_time])
def test_whatever_ends_an_execution_ends_all_that_wait_for_it(
    server: RunningServer, end: Callable[[RunningServer, JobExecution], None]
) -> None:
    """The reference settles one level, and only after a report of an agent."""
    server.heartbeat()
    a, b, c = server.run(server.define(CHAIN.replace("id: a,", "id: a, timeout_seconds: 40,")))
    end(server, server.running())
    assert server.job(a).status == "failed"
    for job_id, need in ((b, "a"), (c, "b")):
        job = server.job(job_id)
        assert (job.status, job.error) == ("failed", f"cancelled: required job {need} failed")
        assert (job.cause, job.started_utc, job.exit_code) == ("dependency_failed", None, None)
        assert job.output == f"[needs] cancelled: required job {need} failed"
        assert "needs_blocked" not in job.metadata


def test_all_rows_of_a_matrix_must_succeed(server: RunningServer) -> None:
    one, two, ship = server.run(server.define(MATRIX))
    assert server.finish("succeeded").id == one
    assert server.job(ship).metadata["needs_blocked"] == "1"
    assert server.finish("succeeded").id == two
    assert server.finish("succeeded").id == ship


def test_a_failed_row_counts_when_its_siblings_are_over(server: RunningServer) -> None:
    _, two, ship = server.run(server.define(MATRIX))
    server.finish("failed")
    assert server.job(ship).status == "queued"
    assert server.finish("succeeded").id == two
    assert server.job(ship).error == "cancelled: required job test failed"


def test_runs_do_not_touch_each_other(server: RunningServer) -> None:
    pipeline = server.define(CHAIN)
    server.run(pipeline)
    _, other_b, _ = server.run(pipeline)
    server.finish("failed")
    assert server.job(other_b).metadata["needs_blocked"] == "1"


@pytest.mark.weakness("A10.1c")
def test_a_start_settles_what_an_untimely_stop_left(server: RunningServer) -> None:
    import msgspec

    from cictl.wire.jobs import JobStatus
    from cictl_server.services.core.ids import job_number

    a, b, c = server.run(server.define(CHAIN))

    def change(tx: Transaction) -> None:
        job = tx.jobs.find(job_number(a))
        assert job is not None
        tx.jobs.put(msgspec.structs.replace(job, status=JobStatus.FAILED))

    server.store.write(change)
    server.restart()
    assert [server.job(job_id).status for job_id in (b, c)] == ["failed", "failed"]


def rerun(server: RunningServer, job_id: str) -> RerunResponse:
    server.clock.step(0.001)
    answer = server.post(f"/api/v1/jobs/{job_id}/rerun")
    assert answer.status_code == 201, answer.text
    return decode(answer.content, RerunResponse)


def test_what_a_failure_ended_runs_after_the_rerun(server: RunningServer) -> None:
    a, b, c = server.run(server.define(CHAIN))
    assert server.finish("failed").id == a
    again = rerun(server, a)
    new_b, new_c = again.dependants
    assert [server.job(job_id).status for job_id in (b, c, new_b, new_c)] == ["failed", "failed", "queued", "queued"]
    assert [server.finish("succeeded").id for _ in range(3)] == [again.job_execution.id, new_b, new_c]


def test_a_rerun_that_fails_ends_them_once_more(server: RunningServer) -> None:
    a, _, _ = server.run(server.define(CHAIN))
    server.finish("failed")
    again = rerun(server, a)
    assert server.finish("failed").id == again.job_execution.id
    assert {server.job(job_id).error for job_id in again.dependants} == {
        "cancelled: required job a failed",
        "cancelled: required job b failed",
    }


def test_the_newest_execution_decides_though_an_older_one_still_runs(server: RunningServer) -> None:
    a, b, _ = server.run(server.define(CHAIN))
    server.running("old")
    again = rerun(server, a).job_execution
    assert server.finish("failed", "new").id == again.id
    assert (server.job(a).status, server.job(b).error) == ("running", "cancelled: required job a failed")


def test_what_still_lacks_another_need_is_left_as_it_is(server: RunningServer) -> None:
    two = """[{id: a, steps: [{run: "true"}]}, {id: b, steps: [{run: "true"}]},
              {id: c, needs: [a, b], steps: [{run: "true"}]}]"""
    a, b, _ = server.run(server.define(two))
    server.finish("failed")
    server.finish("failed")
    assert rerun(server, a).dependants == []
    [c] = rerun(server, b).dependants
    server.finish("succeeded")
    server.finish("succeeded")
    assert server.leased().id == c


def test_a_row_that_runs_again_revives_what_needs_the_job(server: RunningServer) -> None:
    one, two, _ = server.run(server.define(MATRIX))
    server.finish("failed")
    server.finish("failed")
    assert rerun(server, one).dependants == [], "the other row has still failed"
    [ship] = rerun(server, two).dependants
    assert server.job(ship).status == "queued"


PIPELINES = """
pipelines:
  - {id: lib, jobs: [{id: build, steps: [{run: "true"}], artifacts: ["*"]}]}
  - {id: app, depends_on: [lib], jobs: [{id: build, steps: [{run: "true"}]}, {id: ship, needs: [build], steps: [{run: "true"}]}]}
pipeline_chains: [{id: all, pipelines: [lib, app]}]
"""


def test_a_rerun_revives_the_later_pipelines_of_its_chain(server: RunningServer) -> None:
    lib, app, ship = server.run_chain(server.define_project(PIPELINES)["all"])
    assert server.finish("failed").id == lib
    assert [server.job(job_id).status for job_id in (app, ship)] == ["failed", "failed"]
    again = rerun(server, lib)
    new_app, new_ship = again.dependants
    server.finish("succeeded")
    assert server.job(new_app).env["CIWI_DEP_ARTIFACT_JOB_IDS"] == again.job_execution.id
    assert [server.finish("succeeded").id for _ in range(2)] == [new_app, new_ship]


def test_what_was_ended_can_be_rerun_once_its_need_has_succeeded(server: RunningServer) -> None:
    """A rerun by an earlier version did not revive it."""
    a, b, _ = server.run(server.define(CHAIN))
    server.finish("failed")
    refused = server.post(f"/api/v1/jobs/{b}/rerun", headers={"Accept": "application/json"})
    assert (refused.status_code, refused.json["hint"]) == (409, "rerun a, which it waits for; it runs after that")
    again = rerun(server, a)
    server.http.simulate_delete(f"/api/v1/jobs/{again.dependants[0]}")
    server.finish("succeeded")
    new = rerun(server, b)
    assert server.finish("succeeded").id == new.job_execution.id
    assert server.finish("succeeded").id == new.dependants[0]
