"""The workflows of known projects, run by a real server and a real agent; a Makefile stands for each project's tools."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from cictl_testing.files import git, make_repository
from cictl_testing.processes import DEADLINE_SECONDS, Workplace, eventually

from cictl.wire.admin.secrets import SecretRequest
from cictl.wire.jobs import JobExecution
from cictl.wire.projects import ImportRequest
from cictl.wire.runs import Run
from cictl_client import Client

pytestmark = pytest.mark.xdist_group("language")

PROJECTS = Path(__file__).parent / "projects"
TAG = "refs/tags/8.2.0"
WITH_V = "refs/tags/v8.2.0"


class Ended(NamedTuple):
    """A run that is over, with its jobs by `id`, or `id/row`."""

    run: Run
    jobs: dict[str, JobExecution]

    @property
    def told(self) -> dict[str, str]:
        """How each job ended."""
        return {name: "skipped" if job.skipped else str(job.status) for name, job in self.jobs.items()}


Verb = Callable[..., Ended]


@pytest.fixture(scope="module", autouse=True)
def _projects(client: Client, place: Workplace) -> None:
    """Let the server know the projects and their secrets."""
    for name in ("forge", "index"):
        client.set_secret(SecretRequest(name=name, value=f"a token for the {name}"))
    for project in ("click", "sqlite-utils", "cjson", "commander", "requests", "apscheduler", "ripgrep"):
        repository = place.directory / project
        shutil.copytree(PROJECTS / project, repository)
        make_repository(repository, {})
        for ref in (TAG, WITH_V):
            git(repository, "update-ref", ref, "main")
        client.import_project(ImportRequest(repo_url=str(repository)))


@pytest.fixture
def run(client: Client) -> Verb:
    """Return a verb that runs something of the projects to its end, and approves the job that waits for that."""

    def run_to_its_end(target: str, *, matrix: str = "", ref: str = "", approved: str = "", **inputs: str) -> Ended:
        begun = client.run(target, matrix=matrix, ref=ref, inputs=inputs)
        if approved:
            eventually(lambda: client.get_run(begun.pipeline_run_id).status == "waiting_approval", what="the question")
            client.approve_run(begun.pipeline_run_id, job=approved)
        client.wait(begun, timeout=DEADLINE_SECONDS)
        over = client.get_run(begun.pipeline_run_id)
        jobs = [client.get_job(job.id) for job in over.jobs]
        return Ended(
            over, {"/".join(filter(None, (job.facts.pipeline_job_id, job.facts.matrix_name))): job for job in jobs}
        )

    return run_to_its_end


GOOD = [
    pytest.param("click/style", {}, "hooks", id="click-hooks"),
    pytest.param("click/tests/typing", {}, "typing", id="click-typing"),
    pytest.param("click/publish", {"ref": TAG, "approved": "upload"}, "build release upload", id="click-tag"),
    pytest.param("sqlite-utils/old-sqlite", {}, "test/3.46 test/3.23.1", id="sqlite-utils-old"),
    pytest.param("sqlite-utils/publish", {"ref": TAG}, "test/3.9 test/3.13 deploy", id="sqlite-utils-tag"),
    pytest.param("cjson/build/linux", {"matrix": "valgrind-gcc"}, "linux/valgrind-gcc", id="cjson-valgrind"),
    pytest.param("requests/tests/no-chardet", {}, "no-chardet no-chardet/chardet", id="requests-no-chardet"),
    pytest.param("requests/publish", {"ref": WITH_V}, "build publish", id="requests-tag"),
    pytest.param(
        "apscheduler/publish", {"ref": TAG, "approved": "publish"}, "build publish release", id="apscheduler-tag"
    ),
    pytest.param("ripgrep/ci/test", {"matrix": "pinned"}, "test/pinned", id="ripgrep-pinned"),
]


@pytest.mark.parametrize(("target", "options", "jobs"), GOOD)
def test_workflows_of_one_system_are_green(target: str, options: dict[str, str], jobs: str, run: Verb) -> None:
    ended = run(target, **options)
    assert ended.run.status == "succeeded"
    assert ended.told == dict.fromkeys(jobs.split(), "succeeded")


def test_a_tag_that_is_pushed_is_published(client: Client, place: Workplace) -> None:
    git(place.directory / "requests", "update-ref", "refs/tags/v9.0.0", "main")
    [requests] = [project for project in client.list_projects() if project.name == "requests"]
    client.check_project(requests.id)
    [run] = [run for run in client.list_runs(project="requests").runs if run.event == "push"]
    assert (run.pipeline, run.tag) == ("publish", "v9.0.0")
    eventually(lambda: client.get_run(run.id).status == "succeeded", what="the end of the run")


def test_a_release_gets_what_its_build_has_left(run: Verb) -> None:
    ended = run("click/publish", ref=TAG, approved="upload")
    build, release, upload = ended.jobs.values()
    assert f"release 8.2.0 with the hash {build.outputs['hash']}" in release.output
    assert "dist/click.whl" in upload.output
    assert "a token for the forge" not in release.output


def test_a_row_leaves_out_the_steps_that_are_not_its_own(run: Verb) -> None:
    [job] = run("sqlite-utils/test/test", matrix="3.13-0-linux").jobs.values()
    assert [line for line in job.output.splitlines() if line.startswith("[run] skipped")] == [
        "[run] skipped Step 2/8: Install numpy: if: numpy == '1'",
        "[run] skipped Step 8/8: Check that the docs are current: if: os == 'linux' and python == '3.13' and numpy == '1'",
    ]
    assert job.test_summary
    assert job.test_summary.passed == 1


def test_coverage_is_read_from_what_the_tests_leave(run: Verb) -> None:
    [job] = run("sqlite-utils/coverage").jobs.values()
    assert "[coverage] 50.0 %" in job.output


def test_what_a_fuzzer_finds_is_kept_though_it_fails(run: Verb, client: Client) -> None:
    ended = run("cjson/fuzz", seconds="5")
    [job] = ended.jobs.values()
    assert (ended.run.status, "fuzzed for 5 seconds" in job.output) == ("failed", True)
    [found] = client.list_artifacts(job.id)
    assert found.path == "out/crashes/one"


def test_packages_come_from_the_cache_the_second_time(run: Verb) -> None:
    first, second = (run("commander/tests/test", matrix="22-linux").jobs["test/22-linux"] for _ in range(2))
    assert [[(stat.id, stat.source) for stat in job.cache_stats or []] for job in (first, second)] == [
        [("npm", "miss")],
        [("npm", "hit")],
    ]


def test_a_row_runs_after_the_check_of_types(run: Verb) -> None:
    ended = run("apscheduler/tests/test", matrix="linux-python3.13")
    assert ended.told == {"types": "succeeded", "test/linux-python3.13": "succeeded"}
    assert "databases-down done" in ended.jobs["test/linux-python3.13"].output


@pytest.mark.parametrize(
    ("inputs", "version"),
    [pytest.param({}, "8.2.0", id="tag"), pytest.param({"version": "9.0 rc"}, "9.0 rc", id="input")],
)
def test_a_version_goes_from_the_first_job_to_the_last(inputs: dict[str, str], version: str, run: Verb) -> None:
    ended = run("ripgrep/release/deb", ref=TAG, **inputs)
    assert ended.told == {"create": "succeeded", "deb": "succeeded"}
    assert ended.jobs["create"].outputs == {"version": version}


def test_a_row_for_another_machine_goes_by_its_own_variables(run: Verb) -> None:
    [job] = run("ripgrep/ci/test", matrix="stable-arm").jobs.values()
    assert "cross build --target aarch64-unknown-linux-gnu" in job.output
    assert "skipped Step 4/5: Test: if: target == ''" in job.output
