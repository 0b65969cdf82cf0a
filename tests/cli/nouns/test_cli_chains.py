"""`cictl chains`, against a real server; waits against one that lets each state be."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.files import git, make_repository
from cictl_testing.screen import Screen, end
from cictl_testing.server import RunningServer
from cictl_testing.shop import LONG_AGO, Shop, job
from rich.console import Console

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.jobs.progress import SHOWN_JOBS, ChainPicture
from cictl.wire.jobs import CANCELLED_BY_USER, Cause, JobExecution, JobStatus
from tests.cli.conftest import Run

PROJECT = """\
version: 1
project: {name: shop}
pipelines:
  - id: build
    vcs_source: {repo: "%s"}
    versioning: {file: VERSION}
    jobs:
      - {id: compile, runs_on: {os: linux}, steps: [{run: make}]}
  - id: deploy
    depends_on: [build]
    jobs:
      - {id: ship, runs_on: {os: darwin}, steps: [{run: ship}]}
  - {id: lint, jobs: [{id: lint, steps: [{run: ruff}]}]}
pipeline_chains:
  - {id: release, pipelines: [build, deploy]}
  - {id: checks, pipelines: [lint, build]}
"""


@pytest.fixture
def repository(tmp_path: Path, server: RunningServer, run: Run) -> Path:
    """The repository of shop, which the server has imported."""
    path = tmp_path / "repository"
    make_repository(path, {"cictl.yaml": PROJECT % path, "VERSION": "1.4.2\n"})
    assert run("projects", "import", str(path)).code == 0
    return path


def member(job_id: str, pipeline: str, name: str, *, waits_for: str = "", **fields: Any) -> JobExecution:
    """Return an execution of a run of shop/shop."""
    metadata = {
        "pipeline_id": pipeline,
        "pipeline_job_id": name,
        "pipeline_chain_id": "release",
        "chain_run_id": "chain-1",
        "pipeline_run_id": f"run-{pipeline}",
        **({"chain_depends_on_pipelines": waits_for, "chain_blocked": "1"} if waits_for else {}),
    }
    return job(job_id, metadata=metadata, **fields)


def drawn(*jobs: JobExecution, width: int = 80, height: int = 40) -> list[str]:
    """Return the lines of the picture of *jobs*."""
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(ChainPicture(jobs).draw(height=height))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_list(run: Run, server: RunningServer, repository: Path) -> None:
    ran = run("chains", "list")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "ID  CHAIN         PIPELINES     DRY RUN\n2   shop/checks   lint,build    no\n1   shop/release  build,deploy  no\n"
    )
    assert run("chains", "list", "--project", "sh", "-o", "name").out == "shop/checks\nshop/release\n"
    found = run("chains", "list", "-o", "json").json()["pipeline_chains"]
    assert [(c["id"], c["chain_id"], c["project"]) for c in found] == [(2, "checks", "shop"), (1, "release", "shop")]


def test_list_without_chains(run: Run, server: RunningServer) -> None:
    ran = run("chains", "list")
    assert (ran.code, ran.out) == (0, "")
    assert "pipeline_chains" in ran.err


@pytest.mark.parametrize("text", ["release", "rel", "shop/release", "sh/rel", "1/release", "1"])
def test_show(run: Run, server: RunningServer, repository: Path, text: str) -> None:
    ran = run("chains", "show", text)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "Chain:    shop/release\nId:       1\nDry run:  no\nPipelines:\n"
        "  1. build (id 1): compile\n  2. deploy (id 2): ship; depends on build\n"
    )


def test_show_as_json_has_the_pipelines(run: Run, server: RunningServer, repository: Path) -> None:
    found = run("chains", "show", "release", "-o", "json").json()
    assert (found["project"], found["pipeline_chain"]["pipelines"]) == ("shop", ["build", "deploy"])
    assert [pipeline["pipeline_id"] for pipeline in found["pipelines"]] == ["build", "deploy"]


def test_preview_finds_agents_for_each_job(run: Run, server: RunningServer, repository: Path) -> None:
    server.heartbeat("a", capabilities={})
    server.heartbeat("mac", capabilities={"os": "darwin"})
    ran = run("chains", "preview", "release")
    assert (ran.code, ran.err) == (0, "")
    assert (
        ran.out
        == f"""\
A dry run of shop/release would enqueue 2 jobs as version v1.4.2.
Agents:    no single one could take every job

build/compile
  source     {repository}@{git(repository, "rev-parse", "HEAD")}
  requires   os=linux
  agents     a
  step 1     make

deploy/ship
  source     none
  requires   os=darwin
  agents     mac
  waits      for other jobs of the run
  step 1     ship
"""
    )


def test_preview_is_11_when_no_agent_fits_one_job(run: Run, server: RunningServer, repository: Path) -> None:
    server.heartbeat("a", capabilities={})
    ran = run("chains", "preview", "release", "-o", "json")
    assert (ran.code, ran.error()["code"]) == (ExitCode.NO_AGENT, "no_agent")
    assert ran.error()["message"] == "no agent could take deploy/ship: no agent with os=darwin"
    assert [job["eligible_agent_ids"] for job in ran.json()["pending_jobs"]] == [["a"], []]


def test_preview_of_nothing_is_refused(run: Run, server: RunningServer, repository: Path) -> None:
    ran = run("chains", "preview", "release", "--matrix", "none")
    assert (ran.code, ran.out) == (ExitCode.ERROR, "")
    assert "selection matched no matrix entries" in ran.err


def test_eligible_agents(run: Run, server: RunningServer, repository: Path) -> None:
    server.heartbeat("a", capabilities={})
    assert run("chains", "eligible-agents", "checks", "-o", "name").out == "a\n"
    ran = run("chains", "eligible-agents", "release")
    assert (ran.code, ran.out) == (ExitCode.NO_AGENT, "")
    assert "`cictl chains preview shop/release`" in ran.err


def test_source_refs_are_those_of_the_first_pipeline(run: Run, server: RunningServer, repository: Path) -> None:
    assert run("chains", "source-refs", "release").out == "BRANCH  DEFAULT\nmain    yes\n"
    assert run("chains", "source-refs", "checks").err == "shop/checks has no repository\n"


def test_run_enqueues_every_pipeline(run: Run, server: RunningServer, repository: Path) -> None:
    ran = run("chains", "run", "release", "--dry-run", "-o", "json")
    assert (ran.code, ran.json()["enqueued"]) == (0, 2)
    jobs = [server.job(job_id) for job_id in ran.json()["job_execution_ids"]]
    assert [job.metadata["pipeline_id"] for job in jobs] == ["build", "deploy"]
    assert {job.metadata["dry_run"] for job in jobs} == {"1"}


def test_refused_run(run: Run, server: RunningServer, repository: Path) -> None:
    ran = run("chains", "run", "checks", "--ref", "main")
    assert (ran.code, ran.out) == (ExitCode.ERROR, "")
    assert "source_ref override requires first chain pipeline vcs_source.repo" in ran.err


# A run of shop/release enqueues job-4 and job-5 of build, and job-6, which is deploy/ship.


def test_wait_in_a_pipe_has_one_line_a_change(cli: Run, shop: Shop) -> None:
    shop.when_asked(shop.finish)
    ran = cli("chains", "run", "release", "--wait")
    assert (ran.code, ran.out) == (0, "")
    names = ["build/compile", "build/test/linux", "deploy/ship"]
    lines = ran.err.splitlines()
    assert lines[1:4] == [f"{name}: succeeded after 1m05s" for name in names]
    assert [line.split()[0] for line in lines[4:]] == ["ID", *(f"1/{name}" for name in names)]
    assert "\x1b" not in ran.err


def test_wait_on_a_terminal_draws_the_chain(screen: Screen, shop: Shop) -> None:
    child = screen.start("chains", "run", "release", "--wait")
    child.expect_exact("waits for build, 1 job")
    shop.change("job-4", status=JobStatus.RUNNING, current_step="Step 1/2: make")
    child.expect_exact("running: Step 1/2: make")
    shop.finish("job-4")
    shop.finish("job-5")
    child.expect_exact("succeeded, 2 jobs")
    child.expect_exact("queued, 1 job")
    shop.finish("job-6", JobStatus.FAILED, error="exit status 2")
    child.expect_exact("deploy/ship")
    assert end(child) == ExitCode.FAILED


def test_ctrl_c_leaves_the_chain_and_the_cursor(screen: Screen, shop: Shop) -> None:
    child = screen.start("chains", "run", "release", "--wait")
    child.expect_exact("waits for build, 1 job")
    child.sendintr()
    child.expect_exact("\x1b[?25h")
    child.expect_exact("Attach again with: cictl jobs watch --run 1")
    assert end(child) == ExitCode.INTERRUPTED
    assert not shop.job("job-4").status.is_terminal


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "TERM=dumb"])
def test_no_picture_where_motion_is_unwanted(screen: Screen, shop: Shop, env: dict[str, str]) -> None:
    shop.when_asked(shop.finish)
    text = screen.show("chains", "run", "release", "--wait", env=env)
    assert "deploy/ship: succeeded after 1m05s" in text
    assert "waits for build" not in text
    assert "\x1b" not in text


def test_picture_opens_what_runs_and_folds_the_rest() -> None:
    done: dict[str, Any] = {
        "status": JobStatus.SUCCEEDED,
        "started_utc": LONG_AGO,
        "finished_utc": LONG_AGO + timedelta(seconds=12),
    }
    assert drawn(
        member("job-1", "build", "compile", **done),
        member("job-2", "build", "test", **done),
        member("job-3", "deploy", "ship", status=JobStatus.RUNNING, current_step="Step 1/1: ship", waits_for="build"),
        member("job-4", "deploy", "announce", waits_for="build"),
        member("job-5", "sign", "sign", waits_for="deploy"),
    ) == [
        "shop/release  chain-1",
        "├── build  succeeded, 2 jobs",
        "├── deploy  running, 0 of 2 jobs over",
        "│   ├── ship      running: Step 1/1: ship",
        "│   └── announce  queued",
        "└── sign  waits for deploy, 1 job",
    ]


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        pytest.param({"error": "exit status 2"}, "failed", id="failed"),
        pytest.param({"error": CANCELLED_BY_USER, "cause": Cause.CANCELLED}, "cancelled", id="cancelled"),
    ],
)
def test_picture_says_how_a_pipeline_ended(fields: dict[str, Any], word: str) -> None:
    lines = drawn(member("job-1", "build", "compile", status=JobStatus.FAILED, **fields))
    assert lines[1] == f"└── build  {word}, 1 job"
    assert lines[2].startswith(f"    └── compile  {word}")


def test_picture_of_many_jobs_shows_the_urgent_ones() -> None:
    jobs = [member(f"job-{n}", "build", f"part-{n:02}") for n in range(50)]
    jobs[40] = member("job-40", "build", "part-40", status=JobStatus.FAILED, error="exit status 1")
    lines = drawn(*jobs)
    assert len(lines) == 2 + SHOWN_JOBS + 1
    assert "    ├── part-40  failed: exit status 1" in lines
    assert lines[-1] == "    └── and 38 more"


@pytest.mark.parametrize(
    ("height", "lines"),
    [
        pytest.param(11, ["p0", "p1", "p2", "p3", "j", "p4", "p5", "p6", "p7", "p8"], id="enough"),
        pytest.param(10, ["3 pipelines", "p3", "j", "p4", "p5", "p6", "p7", "p8"], id="what is over is counted"),
        pytest.param(8, ["3 pipelines", "p3", "j", "p4", "p5", "p6", "2 pipelines"], id="and what waits longest"),
        pytest.param(5, ["3 pipelines", "p3", "j", "5 pipelines"], id="and all that waits"),
    ],
)
def test_picture_of_many_pipelines_fits_the_screen(height: int, lines: list[str]) -> None:
    jobs = [member(f"job-{n}", f"p{n}", "j", status=JobStatus.SUCCEEDED) for n in range(3)]
    jobs.append(member("job-3", "p3", "j", status=JobStatus.RUNNING))
    jobs += [member(f"job-{n}", f"p{n}", "j", waits_for="p3") for n in range(4, 9)]
    shown = [line.split("── ")[1].partition("  ")[0] for line in drawn(*jobs, height=height)[1:]]
    assert shown == lines


def test_picture_never_wraps() -> None:
    step = "Step 1/1: " + "x" * 100
    lines = drawn(member("job-1", "build", "compile", status=JobStatus.RUNNING, current_step=step), width=40)
    assert len(lines) == 3
    assert lines[2].endswith("…")
