"""Of what waits, the highest priority is given out first, and of these the oldest."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer

WORK = "steps: [{run: x}]"


def given_out(server: RunningServer, count: int) -> list[str]:
    return [server.leased(f"agent-{number}").id for number in range(count)]


def test_a_job_goes_before_its_pipeline_and_the_run_before_both(server: RunningServer) -> None:
    jobs = f"[{{id: usual, {WORK}}}, {{id: late, priority: -7, {WORK}}}]"
    build = server.define_project(f"pipelines: [{{id: build, priority: 3, jobs: {jobs}}}]")["build"]
    plain = server.enqueue()
    usual, late = server.run(build)
    urgent, also_urgent = server.run(build, priority=50)
    assert [server.job(job_id).priority for job_id in (plain, usual, late, urgent)] == [0, 3, -7, 50]
    assert given_out(server, 5) == [urgent, also_urgent, usual, plain, late]


def test_a_waiting_job_is_prioritized(server: RunningServer) -> None:
    first, second, third = server.enqueue(), server.enqueue(), server.enqueue()
    answer = server.post(f"/api/v1/jobs/{third}/priority", {"priority": 1})
    assert (answer.status_code, answer.json["job_execution"]["priority"]) == (200, 1)
    assert given_out(server, 3) == [third, first, second]
    [record] = server.audit(action="job.prioritized")
    assert ([target.id for target in record.targets], record.details["priority"]) == ([third], "1")


def test_what_an_agent_has_keeps_its_priority(server: RunningServer) -> None:
    job_id = server.enqueue()
    server.leased()
    answer = server.post(f"/api/v1/jobs/{job_id}/priority", {"priority": 1})
    assert (answer.status_code, answer.text.strip()) == (409, "job is leased")
    assert server.job(job_id).priority == 0


@pytest.mark.parametrize("priority", [-101, 101, None])
def test_a_priority_has_bounds(server: RunningServer, priority: int | None) -> None:
    answer = server.post(f"/api/v1/jobs/{server.enqueue()}/priority", {"priority": priority})
    assert (answer.status_code, answer.text.strip()) == (400, "priority must be -100 to 100")


def test_a_rerun_has_the_priority_of_what_it_repeats(server: RunningServer) -> None:
    job_id = server.enqueue(priority=9)
    server.finish("failed")
    again = server.post(f"/api/v1/jobs/{job_id}/rerun").json["job_execution"]
    assert again["priority"] == 9


def test_a_run_with_a_priority_out_of_bounds_is_refused(server: RunningServer) -> None:
    pipeline = server.define(f"[{{id: work, {WORK}}}]")
    answer = server.post(f"/api/v1/pipelines/{pipeline}/run-selection", {"priority": 101})
    assert (answer.status_code, answer.text.strip()) == (400, "priority must be -100 to 100")
