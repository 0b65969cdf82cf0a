"""`depends_on`: when it holds, and what it gives."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.codec import decode
from cictl.wire.jobs import RerunResponse

STEP = "steps: [{run: 'true'}]"
PROJECT = f"""
pipelines:
  - id: build
    jobs:
      - {{id: linux, artifacts: [out], {STEP}}}
      - {{id: rows, artifacts: [out], matrix: {{include: [{{name: red}}, {{name: blue}}]}}, {STEP}}}
      - {{id: docs, {STEP}}}
  - id: publish
    depends_on: [build]
    jobs:
      - {{id: red, {STEP}}}
      - {{id: release-linux, {STEP}}}
      - {{id: rows, {STEP}}}
      - {{id: other, {STEP}}}
      - {{id: docs, {STEP}}}
      - {{id: m, matrix: {{include: [{{name: blue}}, {{build_target: red}}]}}, {STEP}}}
"""


def refusal(server: RunningServer, pipeline: int, **fields: object) -> str:
    answer = server.post(f"/api/v1/pipelines/{pipeline}/run-selection", fields)
    assert answer.status_code == 400, answer.text
    return str(answer.text).strip()


def finish_all(server: RunningServer, status: str = "succeeded") -> None:
    while server.lease().assigned:
        active = server.get("/api/v1/jobs", query_string="status=leased").json["job_executions"]
        server.report(active[0]["id"], status)


def test_without_a_run_it_does_not_hold(server: RunningServer) -> None:
    ids = server.define_project(PROJECT)
    assert (
        refusal(server, ids["publish"]) == 'pipeline "publish" dependency "build" not satisfied: no previous run found'
    )


def test_a_run_in_progress_does_not_hold(server: RunningServer) -> None:
    ids = server.define_project(PROJECT)
    server.run(ids["build"])
    assert refusal(server, ids["publish"]).endswith("latest run is still in progress")


def test_a_failed_run_does_not_hold_but_an_older_good_one_does(server: RunningServer) -> None:
    ids = server.define_project(PROJECT)
    server.run(ids["build"])
    finish_all(server, "failed")
    assert refusal(server, ids["publish"]).endswith("no successful run found for latest dependency version")
    server.run(ids["build"])
    finish_all(server)
    server.run(ids["build"])
    finish_all(server, "failed")
    assert server.run(ids["publish"])


@pytest.mark.weakness("W28")
@pytest.mark.parametrize("fields", [{"dry_run": True}, {"pipeline_job_id": "linux"}])
def test_dry_runs_and_parts_do_not_count(server: RunningServer, fields: dict[str, object]) -> None:
    """In the reference a dry run of one job satisfied a release, and became its source of artifacts."""
    ids = server.define_project(PROJECT)
    server.run(ids["build"], **fields)
    finish_all(server)
    assert refusal(server, ids["publish"]).endswith("no previous run found")


def test_a_dry_run_may_build_on_a_dry_run(server: RunningServer) -> None:
    ids = server.define_project(PROJECT)
    server.run(ids["build"], dry_run=True)
    finish_all(server)
    assert server.run(ids["publish"], dry_run=True)


@pytest.mark.weakness("A7.7c", "W29")
def test_a_rerun_heals_a_run(server: RunningServer) -> None:
    ids = server.define_project(PROJECT)
    server.run(ids["build"])
    failed = server.finish("failed")
    finish_all(server)
    assert server.post(f"/api/v1/jobs/{failed.id}/rerun").status_code == 201
    finish_all(server)
    assert server.run(ids["publish"])


def test_reruns_are_counted(server: RunningServer) -> None:
    server.run(server.define_project(PROJECT)["build"])
    first = server.finish("failed")
    answers = [server.post(f"/api/v1/jobs/{first.id}/rerun") for _ in range(2)]
    attempts = [decode(answer.content, RerunResponse).job_execution.facts.attempt for answer in answers]
    assert [first.facts.attempt, *attempts] == ["", "2", "3"]


def test_projects_do_not_share_their_history(server: RunningServer) -> None:
    """The reference looks dependencies up by the project's name, which two imports of one repository share."""
    first, second = server.define_project(PROJECT), server.define_project(PROJECT)
    server.run(first["build"])
    finish_all(server)
    assert refusal(server, second["publish"]).endswith("no previous run found")


@pytest.mark.weakness("W30")
def test_artifacts_come_from_what_fits(server: RunningServer) -> None:
    ids = server.define_project(PROJECT)
    linux, red, blue, _docs = server.run(ids["build"])
    finish_all(server)
    jobs = [server.job(job_id) for job_id in server.run(ids["publish"])]
    found = {
        (job.metadata["pipeline_job_id"], job.metadata["pipeline_job_index"]): (
            job.env.get("CIWI_DEP_ARTIFACT_JOB_ID"),
            job.env["CIWI_DEP_ARTIFACT_JOB_IDS"],
        )
        for job in jobs
    }
    everything = f"{blue},{red},{linux}"
    assert found == {
        ("red", "0"): (red, red),
        ("release-linux", "0"): (linux, linux),
        ("rows", "0"): (None, f"{red},{blue}"),
        ("other", "0"): (None, everything),
        ("docs", "0"): (None, everything),
        ("m", "0"): (blue, blue),
        ("m", "1"): (red, red),
    }
