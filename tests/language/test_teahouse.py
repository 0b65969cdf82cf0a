"""The example that uses the whole language, run by a real server and a real agent; only the container of its database is a stand-in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cictl_testing.files import git, make_repository
from cictl_testing.processes import DEADLINE_SECONDS, Workplace, eventually

from cictl.wire.jobs import JobExecution
from cictl.wire.projects import ImportRequest
from cictl_client import Client

pytestmark = pytest.mark.xdist_group("language")

TEAHOUSE = Path(__file__).parent / "teahouse"
TAG = "refs/tags/v1"
ROWS = {"green-soft": "green", "green-hard": "green", "black-hard": "black", "special": "white"}
"""The tea of each row that is left of the matrix."""


@pytest.fixture(scope="module", autouse=True)
def _teahouse(client: Client, place: Workplace) -> None:
    repository = place.directory / "teahouse"
    shutil.copytree(TEAHOUSE, repository)
    make_repository(repository, {})
    git(repository, "update-ref", TAG, "main")
    client.import_project(ImportRequest(repo_url=str(repository)))


@pytest.fixture(scope="module")
def brewed(client: Client) -> dict[str, JobExecution]:
    """The jobs of a run of the main branch that is over, by matrix row, the last by its id."""
    begun = client.run("teahouse/build")
    client.wait(begun, timeout=DEADLINE_SECONDS)
    run = client.get_run(begun.pipeline_run_id)
    assert run.status == "succeeded"
    jobs = (client.get_job(job.id) for job in run.jobs)
    return {job.facts.matrix_name or job.facts.pipeline_job_id: job for job in jobs}


def test_all_rows_are_green_and_nothing_is_shipped(brewed: dict[str, JobExecution]) -> None:
    assert list(brewed) == [*ROWS, "ship"]
    assert [job.skipped for job in brewed.values()] == [False] * 4 + [True]
    assert {job.status for job in brewed.values()} == {"succeeded"}


@pytest.mark.parametrize(("row", "tea"), ROWS.items())
def test_a_row_tastes_its_own_tea(row: str, tea: str, brewed: dict[str, JobExecution], client: Client) -> None:
    job = brewed[row]
    assert f"tasted {tea} in kettle\n" in job.output
    assert (job.test_summary.passed if job.test_summary else 0, job.outputs) == (1, {"version": "1.4.0"})
    kept = {file.path for file in client.list_artifacts(job.id) if file.name == "brew"}
    assert kept == {f"out/{tea}", "out/version.txt"}


def test_a_tag_is_shipped_once_somebody_approves(client: Client, place: Workplace) -> None:
    begun = client.run("teahouse/build", ref=TAG, inputs={"level": "full"})
    run = str(client.get_run(begun.pipeline_run_id).number)
    eventually(lambda: client.get_run(run).status == "waiting_approval", what="the question")
    place.ok("runs", "approve", f"{run}/ship", "--reason", "it tastes good")
    eventually(lambda: client.get_run(run).status == "succeeded", what="the end")
    ship = client.get_job(client.get_run(run).jobs[-1].id)
    assert "shipped 1.4.0 with black green version.txt white" in ship.output


def test_a_push_to_the_source_starts_a_run_and_one_to_the_pages_does_not(client: Client, place: Workplace) -> None:
    [teahouse] = [project for project in client.list_projects() if project.name == "teahouse"]
    for file, count in (("src/README.md", 0), ("src/tea.c", 1)):
        make_repository(place.directory / "teahouse", {file: "tea"})
        client.check_project(teahouse.id)
        pushed = [run for run in client.list_runs(project="teahouse").runs if run.event == "push"]
        assert len(pushed) == count
    client.cancel_run(pushed[0].id)


def test_a_quick_run_of_a_tag_tests_nothing(client: Client) -> None:
    begun = client.run("teahouse/build", ref=TAG)
    assert [(job.pipeline_job_id, job.matrix_name) for job in begun.skipped] == [("test", row) for row in ROWS]
    client.cancel_run(begun.pipeline_run_id)
