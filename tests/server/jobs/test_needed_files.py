"""What a job gets of the jobs that it needs: their artifacts, after those of other pipelines, and when it runs again their newest outputs."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.codec import decode
from cictl.wire.jobs import JobExecution, RerunResponse

STEPS = "steps: [{run: x}]"
ROWS = "matrix: {axes: {tea: [green, black]}}"


def start(server: RunningServer, jobs: str) -> dict[str, list[str]]:
    """Run a pipeline of these *jobs*, and return the executions of each by its id, in their order."""
    pipeline = server.define_project(f"pipelines: [{{id: p, jobs: [{jobs}]}}]")["p"]
    found: dict[str, list[str]] = {}
    for job_id in server.run(pipeline):
        found.setdefault(server.job(job_id).facts.pipeline_job_id, []).append(job_id)
    return found


def rerun(server: RunningServer, job_id: str) -> JobExecution:
    answer = server.post(f"/api/v1/jobs/{job_id}/rerun")
    assert answer.status_code == 201, answer.text
    return decode(answer.content, RerunResponse).job_execution


def restored(job: JobExecution) -> list[str]:
    return [id_ for id_ in job.env.get("CIWI_DEP_ARTIFACT_JOB_IDS", "").split(",") if id_]


def test_a_job_restores_what_its_needs_have_kept(server: RunningServer) -> None:
    jobs = start(
        server,
        f"{{id: a, artifacts: [x], {STEPS}}}, {{id: b, {STEPS}}}, {{id: c, artifacts: [x], {STEPS}}},"
        f" {{id: j, needs: [c, b, a], {STEPS}}}",
    )
    for _ in "abc":
        server.finish("succeeded")
    assert restored(server.leased()) == [*jobs["c"], *jobs["a"]]


def test_one_need_has_the_variable_for_one(server: RunningServer) -> None:
    jobs = start(server, f"{{id: a, artifacts: [x], {STEPS}}}, {{id: j, needs: [a], {STEPS}}}")
    assert restored(server.job(jobs["j"][0])) == []
    server.finish("succeeded")
    assert server.leased().env["CIWI_DEP_ARTIFACT_JOB_ID"] == jobs["a"][0]


def test_all_rows_count_in_their_order(server: RunningServer) -> None:
    jobs = start(server, f"{{id: a, artifacts: [x], {ROWS}, {STEPS}}}, {{id: j, needs: [a], {STEPS}}}")
    first = server.running()
    server.finish("succeeded", agent_id="b")
    server.report(first.id, "succeeded")
    assert restored(server.leased()) == jobs["a"]


@pytest.mark.parametrize(
    "need",
    [
        pytest.param(f"{{id: a, artifacts: [x], {STEPS}}}, {{id: j, needs: [{{job: a, artifacts: false}}],", id="left"),
        pytest.param(f"{{id: a, {STEPS}}}, {{id: j, needs: [a],", id="keeps-nothing"),
    ],
)
def test_a_job_without_restored_needs_is_as_it_was_planned(server: RunningServer, need: str) -> None:
    start(server, f"{need} {STEPS}}}")
    server.finish("succeeded")
    assert not [name for name in server.leased().env if "DEP_ARTIFACT" in name]


def test_a_skipped_need_brings_nothing_and_a_failed_one_what_it_kept(server: RunningServer) -> None:
    jobs = start(
        server,
        f"{{id: a, if: tag, artifacts: [x], {STEPS}}}, {{id: b, artifacts: [x], {STEPS}}},"
        f" {{id: j, needs: [a, b], if: failure(), {STEPS}}}",
    )
    server.finish("failed")
    assert restored(server.leased()) == jobs["b"]


def test_artifacts_of_other_pipelines_come_first(server: RunningServer) -> None:
    ids = server.define_project(
        f"pipelines: [{{id: base, jobs: [{{id: x, artifacts: [x], {STEPS}}}]}},"
        f" {{id: top, depends_on: [base], jobs: [{{id: a, artifacts: [x], {STEPS}}}, {{id: j, needs: [a], {STEPS}}}]}}]"
    )
    [base] = server.run(ids["base"])
    server.finish("succeeded")
    needed, _ = server.run(ids["top"])
    server.finish("succeeded")
    assert restored(server.leased()) == [base, needed]


def test_a_rerun_takes_what_its_needs_have_kept_last(server: RunningServer) -> None:
    jobs = start(server, f"{{id: a, artifacts: [x], {STEPS}}}, {{id: j, needs: [a], {STEPS}}}")
    server.finish("succeeded")
    server.finish("succeeded")

    again = rerun(server, jobs["a"][0])
    meanwhile = rerun(server, jobs["j"][0])
    assert restored(meanwhile) == jobs["a"]
    assert server.finish("succeeded").id == again.id
    assert restored(rerun(server, jobs["j"][0])) == [again.id]


OUTPUTS = f"""{{id: a, outputs: {{v: ""}}, {STEPS}}},
    {{id: j, needs: [a], env: {{V: "{{{{needs.a.outputs.v}}}}"}}, steps: [{{run: x}}, {{run: y, if: needs.a.outputs.v == '2'}}]}}"""


KNOWS = {"cictl.outputs": "1", "cictl.steps": "1"}


def leave(server: RunningServer, text: str) -> None:
    """Run the next job to its end with this output, on an agent that knows outputs and conditions."""
    server.heartbeat(capabilities=KNOWS)
    assert server.report(server.running().id, "succeeded", outputs={"v": text}).status_code == 200


def told(job: JobExecution) -> tuple[str, str]:
    """Return the output that came into the environment of *job*, and the condition of its second step."""
    return job.env["V"], job.step_plan[1].condition


def test_a_rerun_takes_the_outputs_that_its_needs_have_left_last(server: RunningServer) -> None:
    jobs = start(server, OUTPUTS)
    leave(server, "1")
    assert told(server.leased()) == ("1", "false")
    server.report(jobs["j"][0], "failed")
    again = rerun(server, jobs["a"][0])
    assert told(rerun(server, jobs["j"][0])) == ("1", "false"), "the new execution has left nothing yet"
    leave(server, "2")
    server.finish("failed")
    newest = rerun(server, jobs["j"][0])
    assert told(newest) == ("2", "")
    assert server.job(again.id).outputs == {"v": "2"}
    server.finish("failed")
    assert told(rerun(server, newest.id)) == ("2", ""), "a rerun of a rerun knows its templates too"


def test_outputs_stay_when_their_job_is_removed(server: RunningServer) -> None:
    jobs = start(server, OUTPUTS)
    leave(server, "1")
    server.heartbeat("b", capabilities=KNOWS)
    server.finish("succeeded", agent_id="b")
    assert server.post("/api/v1/agents/a/actions", {"action": "flush-job-history"}).status_code == 200
    assert told(rerun(server, jobs["j"][0])) == ("1", "false")


def test_a_run_that_runs_again_takes_its_new_outputs(server: RunningServer) -> None:
    jobs = start(server, OUTPUTS)
    leave(server, "1")
    server.finish("succeeded")
    run = server.job(jobs["j"][0]).metadata["pipeline_run_id"]
    assert server.post(f"/api/v1/runs/{run}/rerun", {}).status_code == 201
    leave(server, "2")
    assert told(server.leased()) == ("2", "")


def test_a_condition_that_a_new_output_spoils_refuses_the_rerun(server: RunningServer) -> None:
    jobs = start(
        server,
        f"{{id: a, outputs: {{v: ''}}, {STEPS}}}, {{id: j, needs: [a], steps: [{{run: x, if: needs.a.outputs.v > 1}}]}}",
    )
    leave(server, "2")
    server.finish("succeeded")
    rerun(server, jobs["a"][0])
    leave(server, "many")
    answer = server.post(f"/api/v1/jobs/{jobs['j'][0]}/rerun")
    assert answer.status_code == 409
    assert "the condition of a step can't be decided: " in answer.text
