"""Whose artifacts the agent of a job restores: those of its needs, after those of other pipelines."""

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

    def rerun(job_id: str) -> str:
        answer = server.post(f"/api/v1/jobs/{job_id}/rerun")
        assert answer.status_code == 201, answer.text
        return decode(answer.content, RerunResponse).job_execution.id

    again = rerun(jobs["a"][0])
    meanwhile = rerun(jobs["j"][0])
    assert restored(server.job(meanwhile)) == jobs["a"]
    assert server.finish("succeeded").id == again
    assert restored(server.job(rerun(jobs["j"][0]))) == [again]
