"""`cictl pipelines`: what a run would do, against a real server and a real repository."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cictl_testing.files import git, make_repository
from cictl_testing.server import RunningServer
from cictl_testing.shop import Shop

from cictl.cli.app.exit_codes import ExitCode
from tests.cli.conftest import Run

PROJECT = """\
version: 1
project: {name: shop}
pipelines:
  - id: build
    vcs_source: {repo: "%s"}
    versioning: {file: VERSION}
    jobs:
      - id: compile
        runs_on: {os: linux, executor: script, shell: posix}
        requires: {tools: {go: ">=1.20"}}
        artifacts: ["dist/**"]
        matrix: {include: [{name: one}, {name: two}]}
        steps:
          - run: "make {{name}}\\nmake check"
          - {run: ./push.sh, skip_dry_run: true}
      - {id: test, needs: [compile], steps: [{run: make test}]}
  - id: deploy
    depends_on: [build]
    jobs: [{id: ship, steps: [{run: ship}]}]
  - id: lint
    inputs:
      level: {type: choice, options: [quick, full], default: quick, description: How much to look at}
      paths: {required: true}
    jobs: [{id: lint, steps: [{run: "ruff {{input.level}} {{input.paths}}"}]}]
  - id: care
    jobs:
      - {id: try, allow_failure: true, steps: [{name: Try it, run: x, if: event}]}
      - {id: publish, if: tag, steps: [{run: x}]}
pipeline_chains: [{id: release, pipelines: [build, deploy]}]
"""


@pytest.fixture
def repository(tmp_path: Path, server: RunningServer, run: Run) -> Path:
    """The repository of shop, which the server has imported."""
    path = tmp_path / "repository"
    make_repository(path, {"cictl.yaml": PROJECT % path, "VERSION": "1.4.2\n"})
    git(path, "branch", "feature/blue")
    assert run("projects", "import", str(path)).code == 0
    return path


def heartbeat(server: RunningServer, agent_id: str = "builder-1", **tools: str) -> None:
    capabilities = {"executor": "script", "shells": "posix", **{f"tool.{name}": text for name, text in tools.items()}}
    server.heartbeat(agent_id, capabilities=capabilities)


def build_once(server: RunningServer, run: Run) -> None:
    """Run shop/build to its end, with success."""
    heartbeat(server, go="1.22")
    assert run("run", "shop/build").code == 0
    for _ in range(3):
        assert server.finish("succeeded", "builder-1").error == ""


def test_preview_shows_what_would_run_where_and_from_what(run: Run, server: RunningServer, repository: Path) -> None:
    heartbeat(server, go="1.22")
    heartbeat(server, "builder-2")
    ran = run("pipelines", "preview", "build", "--matrix-index", "0")
    assert (ran.code, ran.err) == (0, "")
    assert (
        ran.out
        == f"""\
A dry run of shop/build would enqueue 2 jobs as version v1.4.2.
Source:    {repository}@{git(repository, "rev-parse", "HEAD")}
Agents:    builder-1

compile/one
  requires   executor=script, os=linux, go >=1.20, shell=posix
  agents     builder-1
  step 1     make one
             make check
  step 2     ./push.sh  (skipped by a dry run)
  artifacts  dist/**

test
  agents     builder-1, builder-2
  waits      for other jobs of the run
  step 1     make test
"""
    )


def test_preview_for_scripts(run: Run, server: RunningServer, repository: Path) -> None:
    heartbeat(server, go="1.22")
    found = run("pipelines", "preview", "build", "-o", "json").json()
    assert (found["version"], found["eligible_agent_ids"]) == ("v1.4.2", ["builder-1"])
    assert [job["pipeline_job_id"] for job in found["pending_jobs"]] == ["compile", "compile", "test"]
    assert run("pipelines", "preview", "build", "-o", "name").out == "compile/one\ncompile/two\ntest\n"


def test_preview_is_11_when_no_agent_fits_one_job(run: Run, server: RunningServer, repository: Path) -> None:
    heartbeat(server, go="1.18")
    ran = run("pipelines", "preview", "shop/build")
    assert ran.code == ExitCode.NO_AGENT
    assert "  agents     none: tool go does not satisfy >=1.20\n" in ran.out
    assert "error: no agent could take compile/one, compile/two: tool go does not satisfy >=1.20\n" in ran.err


def test_preview_without_agents_as_json(run: Run, server: RunningServer, repository: Path) -> None:
    ran = run("pipelines", "preview", "build", "-o", "json")
    assert (ran.code, ran.error()["code"]) == (ExitCode.NO_AGENT, "no_agent")
    assert ran.json()["pending_jobs"][0]["unmet_requirements"] == ["no agents connected"]


def test_preview_for_one_agent(run: Run, server: RunningServer, repository: Path) -> None:
    heartbeat(server, "builder-1", go="1.22")
    heartbeat(server, "other", go="1.22")
    assert "Agents:    other\n" in run("pipelines", "preview", "build", "--agent", "oth").out
    assert run("pipelines", "preview", "build", "--agent", "none").code == ExitCode.NOT_FOUND


def test_preview_of_another_branch(run: Run, server: RunningServer, repository: Path) -> None:
    heartbeat(server, go="1.22")
    git(repository, "checkout", "-q", "feature/blue")
    make_repository(repository, {"VERSION": "2.0.0\n"})
    assert "as version v2.0.0.\n" in run("pipelines", "preview", "build", "--ref", "feature/blue").out


def test_preview_of_an_unknown_branch_says_so(run: Run, server: RunningServer, repository: Path) -> None:
    ran = run("pipelines", "preview", "build", "--ref", "nowhere", "-o", "json")
    assert (ran.code, ran.out, ran.error()["status"]) == (ExitCode.ERROR, "", 400)
    assert "nowhere" in ran.error()["message"]


def test_a_run_may_load_the_project_first(run: Run, server: RunningServer, repository: Path) -> None:
    text = (repository / "cictl.yaml").read_text()
    (repository / "cictl.yaml").write_text(text.replace("build", "renamed"))
    git(repository, "commit", "-aqm", "rename")
    assert run("run", "shop/renamed").code == ExitCode.NOT_FOUND
    ran = run("run", "shop/renamed", "--reload")
    assert (ran.code, "run --reload" in ran.err) == (ExitCode.OK, False), ran.err


def test_preview_of_a_job_shows_what_it_needs_too(run: Run, server: RunningServer, repository: Path) -> None:
    assert run("pipelines", "preview", "shop/build/test", "-o", "name").out.splitlines()[-1] == "test"
    assert run("pipelines", "preview", "shop/build/test", "--only", "-o", "name").out == "test\n"
    assert run("run", "shop/build/test", "--only").code == ExitCode.OK


@pytest.mark.parametrize("command", ["preview", "eligible-agents"])
def test_selection_that_leaves_nothing(run: Run, server: RunningServer, repository: Path, command: str) -> None:
    ran = run("pipelines", command, "build", "--matrix", "three", "-o", "json")
    assert (ran.code, ran.error()["code"]) == (ExitCode.ERROR, "invalid_request")
    assert ran.json()["eligible_agent_ids"] is None


def test_preview_and_run_of_what_depends_on_a_run_that_never_was(
    run: Run, server: RunningServer, repository: Path
) -> None:
    heartbeat(server)
    for command in ("preview", "run"):
        ran = run("pipelines", command, "deploy")
        assert (ran.code, ran.out) == (ExitCode.ERROR, "")
        assert 'dependency "build" not satisfied: no previous run found' in ran.err


def test_offline_needs_an_earlier_run(run: Run, server: RunningServer, repository: Path) -> None:
    for command in ("preview", "run"):
        ran = run("pipelines", command, "build", "--offline")
        assert ran.code == ExitCode.ERROR
        assert 'a prior successful "build" run' in ran.err


def test_offline_preview_asks_no_remote(run: Run, server: RunningServer, repository: Path) -> None:
    build_once(server, run)
    shutil.rmtree(repository)
    ran = run("pipelines", "preview", "build", "--offline")
    assert (ran.code, ran.err) == (0, "")
    assert "as version v1.4.2.\n" in ran.out
    assert "Offline:   commit and version come from an earlier run of the pipeline\n" in ran.out


def test_offline_run_builds_the_commit_of_the_earlier_one(run: Run, server: RunningServer, repository: Path) -> None:
    build_once(server, run)
    commit = git(repository, "rev-parse", "HEAD")
    shutil.rmtree(repository)
    ids = run("run", "shop/build", "--offline", "--dry-run", "-o", "name").out.split()
    assert len(ids) == 3
    source = server.job(ids[0]).source
    assert source is not None
    assert source.ref == commit


@pytest.mark.parametrize("argv", [("run", "build"), ("pipelines", "run", "build"), ("chains", "run", "release")])
def test_offline_is_asked_for(cli: Run, shop: Shop, argv: tuple[str, ...]) -> None:
    assert cli(*argv, "--offline").code == ExitCode.ERROR
    assert shop.gate.sent[0][1]["execution_mode"] == "offline_cached"


def test_source_refs(run: Run, server: RunningServer, repository: Path) -> None:
    ran = run("pipelines", "source-refs", "shop/build")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "BRANCH        DEFAULT\nfeature/blue  -\nmain          yes\n"
    assert run("pipelines", "source-refs", "build", "-o", "name").out == "feature/blue\nmain\n"
    assert run("pipelines", "source-refs", "build", "-o", "json").json()["default_ref"] == "refs/heads/main"


def test_source_refs_without_a_repository(run: Run, server: RunningServer, repository: Path) -> None:
    ran = run("pipelines", "source-refs", "lint")
    assert (ran.code, ran.out, ran.err) == (0, "", "shop/lint has no repository\n")


def test_source_refs_of_a_remote_that_is_gone(run: Run, server: RunningServer, repository: Path) -> None:
    shutil.rmtree(repository)
    ran = run("pipelines", "source-refs", "build", "-o", "json")
    assert (ran.code, ran.out, ran.error()["code"]) == (ExitCode.ERROR, "", "git_failed")


def test_eligible_agents(run: Run, server: RunningServer, repository: Path) -> None:
    heartbeat(server, "builder-1", go="1.22")
    heartbeat(server, "builder-2")
    ran = run("pipelines", "eligible-agents", "build")
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[0] for line in ran.out.splitlines()] == ["AGENT", "builder-1"]
    assert run("pipelines", "eligible-agents", "build", "-o", "name").out == "builder-1\n"
    found = run("pipelines", "eligible-agents", "lint", "-o", "json").json()
    assert found == {"eligible_agent_ids": ["builder-1", "builder-2"], "pending_jobs": 1}


def test_eligible_agents_is_11_when_there_is_none(run: Run, server: RunningServer, repository: Path) -> None:
    heartbeat(server)
    ran = run("pipelines", "eligible-agents", "build", "-o", "json")
    assert (ran.code, ran.error()["code"]) == (ExitCode.NO_AGENT, "no_agent")
    assert ran.json()["eligible_agent_ids"] == []
    assert ran.error()["hint"].startswith("`cictl pipelines preview shop/build`")


def test_version_tells_its_steps(run: Run, server: RunningServer, repository: Path) -> None:
    ran = run("pipelines", "version", "build")
    assert ran.code == 0
    assert ran.err.splitlines()[:2] == [
        'start: resolving version for pipeline "build"',
        "dependencies: no dependencies declared",
    ]
    assert ran.err.splitlines()[-1] == "version: resolved version=v1.4.2 (raw=1.4.2)"
    assert "Version:         v1.4.2\n" in ran.out
    assert git(repository, "rev-parse", "HEAD") in ran.out


def test_version_for_scripts(run: Run, server: RunningServer, repository: Path) -> None:
    assert run("pipelines", "version", "sh/bui", "-o", "name").out == "v1.4.2\n"
    found = run("pipelines", "version", "build", "-o", "json").json()
    assert (found["pipeline_version_raw"], found["version_file"]) == ("1.4.2", "VERSION")


@pytest.mark.parametrize("output", ["table", "name"])
def test_version_of_a_pipeline_without_versioning(
    run: Run, server: RunningServer, repository: Path, output: str
) -> None:
    ran = run("pipelines", "version", "lint", "-o", output)
    assert (ran.code, ran.out) == (0, "")
    assert "version: pipeline versioning not configured\n" in ran.err


def test_version_that_the_file_does_not_have(run: Run, server: RunningServer, repository: Path) -> None:
    make_repository(repository, {"VERSION": "soon\n"})
    ran = run("pipelines", "version", "build", "-o", "json")
    assert (ran.code, ran.out, ran.error()["code"]) == (ExitCode.ERROR, "", "version_unresolved")
    assert 'got "soon"' in ran.error()["message"]
    assert ran.error()["hint"] == "a run goes on without a version"


def test_version_of_what_depends_on_a_run_that_never_was(run: Run, server: RunningServer, repository: Path) -> None:
    ran = run("pipelines", "version", "deploy")
    assert (ran.code, ran.out) == (ExitCode.ERROR, "")
    assert ran.err.count("no previous run found") == 2
    assert "`cictl pipelines show shop/deploy`" in ran.err.splitlines()[-1]


@pytest.mark.usefixtures("repository")
def test_inputs_reach_the_run(run: Run) -> None:
    ran = run("run", "shop/lint", "--input", "level=full", "--input", "paths=a=b", "-o", "name")
    assert ran.code == ExitCode.OK
    shown = run("jobs", "show", ran.out.strip())
    assert "ruff full a=b" in run("jobs", "show", ran.out.strip(), "-o", "json").out
    assert "level=full" in shown.out


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(["level=half", "paths=x"], "none of its options: quick, full", id="choice"),
        pytest.param(["lvl=x", "paths=x"], "try: lint takes level, paths", id="unknown"),
        pytest.param([], "try: --input paths=VALUE", id="missing"),
        pytest.param(["level"], "--input takes NAME=VALUE, not 'level'", id="no-value"),
        pytest.param(["level=full", "level=quick"], "--input level is given twice", id="twice"),
    ],
)
@pytest.mark.parametrize("verb", [("run",), ("pipelines", "preview")], ids=["run", "preview"])
def test_a_refused_input_is_wrong_usage(run: Run, verb: tuple[str, ...], options: list[str], message: str) -> None:
    ran = run(*verb, "shop/lint", *(part for option in options for part in ("--input", option)))
    assert ran.code == ExitCode.USAGE
    assert message in ran.err


@pytest.mark.usefixtures("repository")
def test_a_pipeline_shows_what_it_takes(run: Run) -> None:
    shown = run("pipelines", "show", "shop/lint").out
    assert "level: quick or full; quick unless given; How much to look at" in shown
    assert "paths: text; required" in shown


@pytest.mark.usefixtures("repository")
def test_eligible_agents_may_depend_on_inputs(run: Run) -> None:
    assert run("pipelines", "eligible-agents", "shop/lint", "--input", "level=half").code == ExitCode.USAGE


@pytest.mark.usefixtures("repository")
def test_skipped_jobs_are_told_with_their_condition(server: RunningServer, run: Run) -> None:
    heartbeat(server)
    ran = run("run", "shop/care")
    assert "skipped publish, because its condition is false: tag" in ran.err
    assert "run 1 of shop/care: 1 job\n" in ran.err
    assert "publish" in run("jobs", "list", "--run", "1").out
    assert "skipped" in run("jobs", "show", "1/publish").out
    shown = run("pipelines", "preview", "shop/care").out
    assert "would enqueue 1 job." in shown
    assert "if         tag; it is false, so the job is skipped" in shown


@pytest.mark.usefixtures("repository")
def test_a_failure_that_is_allowed_fails_no_run(server: RunningServer, run: Run) -> None:
    heartbeat(server)
    assert run("run", "shop/care").code == 0
    server.finish("failed", "builder-1")
    ran = run("jobs", "watch", "--run", "1")
    assert ran.code == ExitCode.OK
    assert "try: warning: it failed, which it may" in ran.err


@pytest.mark.usefixtures("repository")
def test_a_pipeline_shows_its_conditions_and_the_names_of_its_steps(run: Run) -> None:
    lines = run("pipelines", "show", "shop/care").out.splitlines()
    assert [line.strip() for line in lines if "try" in line.lower() or "publish" in line] == [
        "try; may fail",
        "1. Try it; if event",
        "publish; if tag",
    ]


POLICIES = """[{id: ship, priority: 5, retry: {limit: 2, on: [signal, exit: 75]}, approval: {}, concurrency: {group: site}, locks: [port-8000],
  steps: [{run: x}]}]"""


def test_a_pipeline_shows_the_policies_of_its_jobs(server: RunningServer, run: Run) -> None:
    server.define_project(
        f"pipelines: [{{id: build, priority: -3, concurrency: {{group: b, on_new: cancel_running}}, jobs: {POLICIES}}}]"
    )
    shown = run("pipelines", "show", "shop/build").out
    assert "Priority:" in shown
    assert "1 at once in the group b, on_new cancel_running" in shown
    assert (
        "ship; priority 5; retry up to 2 after signal, exit:75; approval by operator within 86400 s; "
        "concurrency 1 at once in the group site, on_new queue; locks port-8000"
    ) in " ".join(shown.split())
    heartbeat(server)
    preview = run("pipelines", "preview", "shop/build").out
    assert "  priority   5\n" in preview
    assert "  rule       it locks port-8000 on its host\n" in preview
    assert "  rule       it needs an approval by an operator or an admin; so it would wait\n" in preview
