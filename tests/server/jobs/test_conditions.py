"""Conditions of jobs: what is skipped, what runs after a failure, and what may fail."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.codec import decode
from cictl.wire.jobs import Cause, JobStatus
from cictl.wire.projects import RunResponse
from cictl.wire.waiting.explain import Explanation

STEPS = "steps: [{run: x}]"


def start(server: RunningServer, jobs: str, rest: str = "") -> RunResponse:
    server.heartbeat()
    pipeline = server.define_project(f"pipelines: [{{id: p, {rest} jobs: {jobs}}}]")["p"]
    server.clock.step(0.001)
    answer = server.post(f"/api/v1/pipelines/{pipeline}/run-selection", {})
    assert answer.status_code == 201, answer.text
    return decode(answer.content, RunResponse)


def states(server: RunningServer, run: RunResponse) -> dict[str, str]:
    """Return how each job of *run* stands: its status, or `skipped`."""
    listed = server.get("/api/v1/jobs", params={"run": run.pipeline_run_id}).json["job_executions"]
    jobs = (server.job(job["id"]) for job in listed)
    return {job.facts.pipeline_job_id: "skipped" if job.skipped else str(job.status) for job in jobs}


def test_a_job_whose_condition_is_false_is_not_enqueued(server: RunningServer) -> None:
    run = start(server, f"[{{id: build, {STEPS}}}, {{id: ship, if: tag, {STEPS}}}]")
    [skipped] = run.skipped
    assert (run.enqueued, len(run.job_execution_ids)) == (1, 1)
    assert (skipped.pipeline_job_id, skipped.condition) == ("ship", "tag")
    assert states(server, run) == {"build": "queued", "ship": "skipped"}
    ship = server.job(skipped.job_execution_id)
    assert (ship.status, ship.started_utc, ship.condition) == (JobStatus.SUCCEEDED, None, "tag")
    assert server.log(ship.id) == b"[control] skipped: its condition is false: tag"


def test_what_needs_a_skipped_job_runs(server: RunningServer) -> None:
    run = start(
        server, f"[{{id: a, if: tag, {STEPS}}}, {{id: b, needs: [a], {STEPS}}}, {{id: c, needs: [b], {STEPS}}}]"
    )
    assert states(server, run) == {"a": "skipped", "b": "queued", "c": "queued"}
    assert server.finish("succeeded").id == run.job_execution_ids[0]
    assert server.finish("succeeded").id == run.job_execution_ids[1]


def test_a_run_of_skipped_jobs_alone_is_over_at_once(server: RunningServer) -> None:
    run = start(server, f"[{{id: a, if: tag, {STEPS}}}, {{id: b, needs: [a], if: \"event == 'push'\", {STEPS}}}]")
    assert (run.enqueued, states(server, run)) == (0, {"a": "skipped", "b": "skipped"})


def test_rows_are_skipped_one_by_one(server: RunningServer) -> None:
    matrix = "matrix: {axes: {tea: [green, black]}}"
    run = start(server, f"[{{id: a, {matrix}, if: tea == 'green', {STEPS}}}]")
    assert ([skipped.matrix_name for skipped in run.skipped], run.enqueued) == (["black"], 1)


@pytest.mark.parametrize(
    ("condition", "after", "expected"),
    [
        pytest.param("success()", "succeeded", "queued", id="success-after-success"),
        pytest.param("success()", "failed", "failed", id="success-after-failure"),
        pytest.param("failure()", "succeeded", "skipped", id="failure-after-success"),
        pytest.param("failure()", "failed", "queued", id="failure-after-failure"),
        pytest.param("always()", "failed", "queued", id="always"),
        pytest.param("always() and tag", "failed", "skipped", id="always-and-false"),
        pytest.param("event == 'manual'", "failed", "failed", id="true-without-status"),
        pytest.param("success() or event == 'manual'", "failed", "queued", id="true-with-status"),
        pytest.param("not failure()", "failed", "failed", id="not-failure"),
        pytest.param("success() and not tag", "failed", "failed", id="success-and-true"),
    ],
)
def test_a_condition_is_decided_when_all_needs_are_over(
    server: RunningServer, condition: str, after: str, expected: str
) -> None:
    run = start(
        server,
        f'[{{id: a, {STEPS}}}, {{id: b, {STEPS}}}, {{id: c, needs: [a, b], if: "{condition}", {STEPS}}}]',
    )
    server.finish(after)
    server.finish("succeeded")
    assert states(server, run)["c"] == expected


def test_a_condition_waits_for_every_need(server: RunningServer) -> None:
    run = start(server, f"[{{id: a, {STEPS}}}, {{id: b, {STEPS}}}, {{id: c, needs: [a, b], if: failure(), {STEPS}}}]")
    server.finish("failed")
    assert states(server, run)["c"] == "queued"
    assert server.finish("succeeded").facts.pipeline_job_id == "b"
    assert server.leased().facts.pipeline_job_id == "c"


def test_a_failure_is_not_hidden_by_what_it_ends(server: RunningServer) -> None:
    run = start(
        server,
        f"[{{id: a, {STEPS}}}, {{id: b, needs: [a], if: success() and not tag, {STEPS}}}, {{id: c, needs: [b], {STEPS}}}]",
    )
    server.finish("failed")
    assert states(server, run) == {"a": "failed", "b": "failed", "c": "failed"}
    assert server.job(run.job_execution_ids[1]).cause is Cause.DEPENDENCY_FAILED


def test_what_needs_a_job_that_may_fail_runs_after_its_failure(server: RunningServer) -> None:
    run = start(server, f"[{{id: a, allow_failure: true, {STEPS}}}, {{id: b, needs: [a], {STEPS}}}]")
    failed = server.finish("failed")
    assert (failed.allow_failure, states(server, run)) == (True, {"a": "failed", "b": "queued"})
    explained = server.read(Explanation, f"/api/v1/jobs/{failed.id}/explain")
    assert explained.summary.endswith("; it may fail, so what needs it runs")


def test_a_cancel_is_not_forgiven(server: RunningServer) -> None:
    run = start(server, f"[{{id: a, allow_failure: true, {STEPS}}}, {{id: b, needs: [a], {STEPS}}}]")
    server.cancel(run.job_execution_ids[0])
    assert states(server, run) == {"a": "failed", "b": "failed"}


def test_a_run_with_a_forgiven_failure_satisfies_what_depends_on_it(server: RunningServer) -> None:
    server.heartbeat()
    ids = server.define_project(
        f"""pipelines:
  - {{id: base, jobs: [{{id: a, allow_failure: true, {STEPS}}}, {{id: b, if: tag, artifacts: [x], {STEPS}}}]}}
  - {{id: top, depends_on: [base], jobs: [{{id: t, {STEPS}}}]}}"""
    )
    server.run(ids["base"])
    server.finish("failed")
    [top] = server.run(ids["top"])
    assert "CIWI_DEP_ARTIFACT_JOB_IDS" not in server.job(top).env, "a skipped job has left no files"


def test_a_chain_goes_on_after_a_pipeline_of_skipped_jobs(server: RunningServer) -> None:
    server.heartbeat()
    ids = server.define_project(
        f"""pipelines:
  - {{id: base, jobs: [{{id: a, if: tag, {STEPS}}}]}}
  - {{id: top, depends_on: [base], jobs: [{{id: t, {STEPS}}}]}}
pipeline_chains: [{{id: all, pipelines: [base, top]}}]"""
    )
    [top] = server.run_chain(ids["all"])
    assert server.leased().id == top


def test_outputs_of_needs_arrive_in_texts_and_conditions(server: RunningServer) -> None:
    run = start(
        server,
        f"""[{{id: a, outputs: {{version: "", kind: ""}}, {STEPS}}},
             {{id: b, needs: [a], if: needs.a.outputs.kind == 'final', env: {{V: "{{{{needs.a.outputs.version}}}}"}},
               steps: [{{run: "ship {{{{needs.a.outputs.version}}}}"}},
                       {{run: y, if: needs.a.outputs.version == '1'}}, {{run: z, if: needs.a.outputs.version == '2'}}]}},
             {{id: c, needs: [a], if: needs.a.outputs.kind == 'draft', {STEPS}}}]""",
    )
    server.heartbeat(capabilities={"cictl.outputs": "1", "cictl.steps": "1"})
    job = server.running()
    server.report(job.id, "succeeded", outputs={"version": "2", "kind": "final"})
    assert states(server, run) == {"a": "succeeded", "b": "queued", "c": "skipped"}
    b = server.leased()
    assert (b.env["V"], b.step_plan[0].script) == ("2", "ship 2")
    assert b.script.startswith("ship 2")
    assert [step.condition for step in b.step_plan] == ["", "false", ""]
    assert b.step_plan[1].written_if == "needs.a.outputs.version == '1'"


def test_a_condition_that_compares_no_number_ends_its_job_with_the_reason(server: RunningServer) -> None:
    run = start(
        server,
        f"[{{id: a, outputs: {{n: ''}}, {STEPS}}}, {{id: b, needs: [a], if: needs.a.outputs.n > 3, {STEPS}}}]",
    )
    server.heartbeat(capabilities={"cictl.outputs": "1"})
    server.report(server.running().id, "succeeded", outputs={"n": "many"})
    failed = server.job(run.job_execution_ids[1])
    assert (failed.status, failed.cause) == (JobStatus.FAILED, Cause.DEPENDENCY_FAILED)
    assert failed.error.startswith("its condition can't be decided: column ")


def test_a_skipped_job_tells_why_and_can_not_run_again(server: RunningServer) -> None:
    [skipped] = start(server, f"[{{id: a, if: tag, {STEPS}}}]").skipped
    explained = server.read(Explanation, f"/api/v1/jobs/{skipped.job_execution_id}/explain")
    assert explained.summary == "it was skipped: its condition is false: tag"
    answer = server.post(f"/api/v1/jobs/{skipped.job_execution_id}/rerun")
    assert (answer.status_code, answer.text) == (409, "job was skipped: its condition is false: tag\n")


def test_a_preview_shows_what_would_be_skipped(server: RunningServer) -> None:
    server.heartbeat()
    pipeline = server.define(f"[{{id: a, {STEPS}}}, {{id: b, runs_on: {{gpu: x}}, if: tag, {STEPS}}}]")
    shown = server.post(f"/api/v1/pipelines/{pipeline}/dry-run-preview", {}).json
    a, b = shown["pending_jobs"]
    assert ("skipped" in a, b["skipped"], b["if"]) == (False, True, "tag")
    assert shown["eligible_agent_ids"] == ["a"], "what is skipped needs no agent"
    assert server.post(f"/api/v1/pipelines/{pipeline}/eligible-agents", {}).json["pending_jobs"] == 1


def test_the_restart_of_a_server_changes_nothing_of_it(server: RunningServer) -> None:
    run = start(
        server, f"[{{id: a, {STEPS}}}, {{id: b, if: tag, {STEPS}}}, {{id: c, needs: [a, b], if: always(), {STEPS}}}]"
    )
    before = states(server, run)
    server.restart()
    assert states(server, run) == before
    server.finish("failed")
    assert server.leased().facts.pipeline_job_id == "c"
