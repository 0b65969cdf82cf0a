"""Jobs that are run again by themselves when they failed for a cause that they name."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.jobs import Cause, JobExecution
from cictl.wire.waiting.explain import Explanation

ON_EXIT = "retry: {limit: 2, on: [exit: 75]}"


def start(server: RunningServer, retry: str, *, rest: str = "") -> list[str]:
    for agent_id in ("a", "b", "c"):
        server.heartbeat(agent_id)
    return server.run(server.define(f"[{{id: work, {retry}, steps: [{{run: x}}]}}{rest}]"))


def fail(
    server: RunningServer, agent_id: str = "a", *, exit_code: int = 75, cause: Cause | None = None
) -> JobExecution:
    """Let an agent take the next execution and fail; return that as it ended."""
    job = server.running(agent_id)
    assert server.report(job.id, "failed", agent_id, exit_code=exit_code, cause=cause).status_code == 200
    return server.job(job.id)


def test_each_attempt_is_a_new_execution_of_the_run_up_to_the_limit(server: RunningServer) -> None:
    [first] = start(server, ON_EXIT)
    ended = [fail(server) for _ in range(3)]
    assert [job.attempt for job in ended] == [1, 2, 3]
    assert [job.retry_of for job in ended] == ["", first, ended[1].id]
    assert [job.retried_by for job in ended] == [ended[1].id, ended[2].id, ""]
    assert len({job.facts.pipeline_run_id for job in ended}) == 1
    assert not server.lease().assigned
    explained = server.read(Explanation, f"/api/v1/jobs/{first}/explain")
    assert explained.summary == f"it failed on agent a: exit code 75; {server.short_id(ended[1].id)} repeats it"


def test_a_retry_keeps_its_place_in_the_queue(server: RunningServer) -> None:
    start(server, ON_EXIT)
    later = server.enqueue()
    ended = fail(server)
    assert [server.leased("a").id, server.leased("b").id] == [ended.retried_by, later]


def test_what_needs_the_job_waits_for_the_last_attempt(server: RunningServer) -> None:
    _, after = start(server, ON_EXIT, rest=", {id: after, needs: [work], steps: [{run: x}]}")
    ended = fail(server)
    assert (server.job(after).status, server.lease("b").job_execution.id) == ("queued", ended.retried_by)  # type: ignore[union-attr]
    for status in ("running", "succeeded"):
        server.report(ended.retried_by, status, "b")
    assert server.leased("c").id == after
    server.restart()
    assert server.job(after).status == "leased"


@pytest.mark.parametrize(
    ("on", "end", "is_retried"),
    [
        pytest.param("exit: 75", {"exit_code": 75}, True, id="its exit code"),
        pytest.param("exit: 75", {"exit_code": 75, "cause": Cause.STEP_FAILED}, True, id="its exit code with a cause"),
        pytest.param("exit: 75", {"exit_code": 76}, False, id="another exit code"),
        pytest.param("signal", {"exit_code": 137}, True, id="a signal"),
        pytest.param("signal", {"exit_code": 128}, False, id="no signal"),
        pytest.param("timed_out", {"exit_code": 1, "cause": Cause.TIMED_OUT}, True, id="its time limit"),
        pytest.param("exit: 1", {"exit_code": 1, "cause": Cause.TIMED_OUT}, False, id="a time limit is no exit"),
        pytest.param("exit: 1", {"exit_code": 1, "cause": Cause.CANCELLED}, False, id="an agent's cancel"),
    ],
)
def test_only_for_the_causes_that_are_named(
    server: RunningServer, on: str, end: dict[str, object], is_retried: bool
) -> None:
    start(server, f"retry: {{limit: 1, on: [{on}]}}")
    assert bool(fail(server, **end).retried_by) is is_retried  # type: ignore[arg-type]


def test_a_lost_agent(server: RunningServer) -> None:
    [first] = start(server, "retry: {on: [agent_lost]}")
    server.running("a")
    server.clock.step(600)
    server.heartbeat("b")
    server.services.jobs.expiry.run_once()
    assert (server.job(first).cause, server.leased("b").retry_of) == (Cause.AGENT_LOST, first)


def test_a_cancelled_job_is_not_run_again(server: RunningServer) -> None:
    [first] = start(server, "retry: {on: [signal, agent_lost, timed_out, exit: 1]}")
    server.running("a")
    server.cancel(first)
    assert not server.lease("b").assigned


def test_a_rerun_has_all_its_retries_again(server: RunningServer) -> None:
    [first] = start(server, "retry: {limit: 1, on: [exit: 75]}")
    fail(server)
    fail(server)
    again = server.post(f"/api/v1/jobs/{first}/rerun").json["job_execution"]
    assert (again["attempt"], again.get("retry_of", "")) == (3, "")
    assert fail(server).retried_by


def test_a_row_that_is_retried_ends_no_other_and_takes_no_more_places(server: RunningServer) -> None:
    matrix = "matrix: {include: [{name: a}, {name: b}, {name: c}], max_parallel: 1, fail_fast: true}"
    start(server, f"{ON_EXIT}, {matrix}")
    assert fail(server).facts.matrix_name == "a"
    held = [server.lease(agent).job_execution for agent in ("a", "b", "c")]
    assert [job and job.facts.matrix_name for job in held] == ["b", None, None]
    rows = list[str]()
    for agent_id in ("a", "a", "a"):
        job = held[0] if not rows else server.leased(agent_id)
        assert job is not None
        rows.append(job.facts.matrix_name)
        for status in ("running", "succeeded"):
            server.report(job.id, status, "a")
    assert rows == ["b", "c", "a"]
