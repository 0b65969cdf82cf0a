"""Jobs that the server runs once more, although they ask for no retry, because their agent did not get to begin them."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.jobs import Cause, JobExecution
from cictl.wire.waiting.explain import Explanation
from cictl.wire.words import CHECKING_OUT, PREPARING

WORK = "{id: work, steps: [{run: x}]}"


def start(server: RunningServer, jobs: str = WORK) -> list[str]:
    for agent_id in ("a", "b", "c"):
        server.heartbeat(agent_id)
    return server.run(server.define(f"[{jobs}]"))


def begin(server: RunningServer, step: str, agent_id: str = "a") -> str:
    """Let an agent take the next execution and say that it is at *step*; return the id."""
    job_id = server.leased(agent_id).id
    assert server.report(job_id, "running", agent_id, current_step=step).status_code == 200
    return job_id


def lose(server: RunningServer, step: str) -> JobExecution:
    """Let agent `a` be lost at *step*, and return the execution as it ended."""
    job_id = begin(server, step)
    server.clock.step(600)
    server.heartbeat("b")
    server.services.jobs.expiry.run_once()
    return server.job(job_id)


def fail(server: RunningServer, step: str, cause: Cause | None, agent_id: str = "a") -> JobExecution:
    job_id = begin(server, step, agent_id)
    assert server.report(job_id, "failed", agent_id, error="no disk", cause=cause).status_code == 200
    return server.job(job_id)


@pytest.mark.parametrize(
    ("step", "is_repeated"),
    [
        pytest.param(PREPARING, True, id="preparing"),
        pytest.param(CHECKING_OUT, True, id="checking out"),
        pytest.param("Step 1/1: x", False, id="in a step"),
        pytest.param("", False, id="unknown"),
    ],
)
def test_a_lost_agent_costs_a_job_nothing_that_had_begun_no_step(
    server: RunningServer, step: str, is_repeated: bool
) -> None:
    start(server)
    ended = lose(server, step)
    assert (ended.cause, bool(ended.retried_by)) == (Cause.AGENT_LOST, is_repeated)


@pytest.mark.parametrize(
    ("cause", "is_repeated"),
    [
        pytest.param(Cause.START_FAILED, True, id="its agent could not begin it"),
        pytest.param(None, False, id="no cause"),
        pytest.param(Cause.STEP_FAILED, False, id="a step"),
        pytest.param(Cause.TIMED_OUT, False, id="its time limit"),
        pytest.param(Cause.CANCELLED, False, id="an agent's cancel"),
    ],
)
def test_only_causes_of_the_infrastructure_count(server: RunningServer, cause: Cause | None, is_repeated: bool) -> None:
    start(server)
    assert bool(fail(server, PREPARING, cause).retried_by) is is_repeated


def test_it_is_a_new_attempt_in_the_old_place_and_the_last_one(server: RunningServer) -> None:
    [first] = start(server)
    later = server.enqueue()
    ended = fail(server, PREPARING, Cause.START_FAILED)
    again = fail(server, PREPARING, Cause.START_FAILED)
    assert (again.id, again.retry_of, again.attempt, again.retried_by) == (ended.retried_by, first, 2, "")
    assert server.leased("b").id == later


def test_an_explanation_leads_to_what_repeats_the_job_while_that_is_there(server: RunningServer) -> None:
    [first] = start(server)
    again = fail(server, PREPARING, Cause.START_FAILED).retried_by
    told = server.read(Explanation, f"/api/v1/jobs/{first}/explain")
    assert told.summary == "it failed on agent a: no disk; 1/work:2 repeats it"
    assert [fix.command for fix in told.fixes] == ["cictl jobs explain 1/work:2", "cictl agents show a"]
    server.http.simulate_delete(f"/api/v1/jobs/{again}")
    assert server.read(Explanation, f"/api/v1/jobs/{first}/explain").summary == "it failed on agent a: no disk"


def test_the_limit_of_a_retry_is_not_used_up(server: RunningServer) -> None:
    start(server, WORK.replace("steps", "retry: {limit: 1, on: [exit: 75]}, steps"))
    fail(server, PREPARING, Cause.START_FAILED)
    second = server.running()
    server.report(second.id, "failed", exit_code=75)
    third = server.running()
    assert (third.retry_of, third.attempt) == (second.id, 3)
    server.report(third.id, "failed", exit_code=75)
    assert not server.job(third.id).retried_by


def test_what_needs_the_job_waits_for_the_last_attempt(server: RunningServer) -> None:
    _, after = start(server, f"{WORK}, {{id: after, needs: [work], steps: [{{run: x}}]}}")
    fail(server, PREPARING, Cause.START_FAILED)
    assert server.job(after).status == "queued"
    server.finish("succeeded")
    assert server.leased().id == after


def test_a_cancelled_job_is_not_run_again(server: RunningServer) -> None:
    [first] = start(server)
    begin(server, PREPARING)
    server.cancel(first)
    assert not server.lease("b").assigned


def test_a_script_is_not_run_again(server: RunningServer) -> None:
    server.heartbeat(capabilities={"executor": "script", "shells": "posix"})
    server.post("/api/v1/agents/a/actions", {"action": "run-script", "script": "x", "shell": "posix"})
    assert not lose(server, PREPARING).retried_by


def test_a_rerun_may_be_repeated_once_more(server: RunningServer) -> None:
    [first] = start(server)
    for _ in range(2):
        fail(server, PREPARING, Cause.START_FAILED)
    server.post(f"/api/v1/jobs/{first}/rerun")
    assert fail(server, PREPARING, Cause.START_FAILED).retried_by
