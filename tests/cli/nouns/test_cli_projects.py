"""`cictl projects` and `cictl pipelines`."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.files import git, make_repository
from cictl_testing.processes import eventually
from cictl_testing.server import RunningServer
from cictl_testing.servers.git_server import GitServer
from cictl_testing.shop import Shop

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.patience import Patience
from cictl.cli.app.session import Session
from cictl.cli.output.slow import reading_text, told_when_slow
from cictl.wire.problems import Code
from tests.cli.conftest import Run


def test_list(shown: Run, showcase: Shop) -> None:
    row = shown("projects", "list").out.splitlines()[1].split()
    commit = git(showcase.repository, "rev-parse", "HEAD")[:12]
    assert row == ["3", "shop", "main", "2", "1", "1966-01-02T03:04:05Z", commit]


@pytest.mark.parametrize("text", ["shop", "sh", "3"])
def test_show_by_name_beginning_or_id(shown: Run, text: str) -> None:
    ran = shown("projects", "show", text)
    assert ran.code == 0
    assert "build (id 7): compile, test" in ran.out
    assert "release (id 2): build -> deploy" in ran.out


def test_unknown_project(shown: Run) -> None:
    ran = shown("projects", "show", "shopp")
    assert (ran.code, ran.out) == (ExitCode.NOT_FOUND, "")
    assert "did you mean shop?" in ran.err


def test_import_says_what_came(cli: Run, shop: Shop) -> None:
    ran = cli("projects", "import", str(shop.repository), "--ref", "main")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == f"imported shop: 2 pipelines from {shop.repository}@main\n"


def test_import_as_json(cli: Run, shop: Shop) -> None:
    assert cli("projects", "import", str(shop.repository), "--ref", "main", "-o", "json").json()["project_id"] == 3


def test_import_stops_at_a_name_that_is_taken(cli: Run, shop: Shop, tmp_path: Path) -> None:
    file = "version: 1\nproject: {name: shop}\npipelines: [{id: build, jobs: [{id: a, steps: [{run: x}]}]}]\n"
    fork = str(make_repository(tmp_path / "fork", {"cictl.yaml": file}))
    ran = cli("projects", "import", fork)
    assert (ran.code, ran.out) == (ExitCode.CONFLICT, "")
    assert f'the name "shop" is taken by project 3, from {shop.repository}' in ran.err
    assert "--replace 3 moves that project here and keeps its history; --as NAME" in ran.err
    assert cli("projects", "import", fork, "--as", "shop-fork", "-o", "json").json()["project_name"] == "shop-fork"
    assert cli("projects", "delete", "shop-fork", "--yes").code == 0
    assert cli("projects", "import", fork, "--replace", "shop").err.startswith(f"imported shop: 1 pipeline from {fork}")
    assert shop.projects() == ["shop"]
    assert cli("projects", "show", "3", "-o", "json").json()["project"]["repo_url"] == fork


@pytest.mark.parametrize("place", [".", "src", "../repository"])
def test_import_of_a_path_makes_it_absolute(
    cli: Run, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    file = "version: 1\nproject: {name: near}\npipelines: [{id: build, jobs: [{id: a, steps: [{run: x}]}]}]\n"
    repository = make_repository(tmp_path / "repository", {"cictl.yaml": file, "src/f": ""})
    monkeypatch.chdir(repository)
    assert cli("projects", "import", place, "-o", "json").json()["repo_url"] == str(repository)


def test_what_a_slow_request_waits_for_is_told_once_it_is_slow() -> None:
    stderr = io.StringIO()
    session = Session(env={}, stdin=sys.stdin, stdout=io.StringIO(), stderr=stderr, patience=Patience())
    text = reading_text("https://me:s3cret@git.example.test/x.git", limit="two minutes")
    session.patience = session.patience._replace(slow_after_seconds=0.0)
    with told_when_slow(session, text):
        eventually(stderr.getvalue, what="the notice")
    session.patience = session.patience._replace(slow_after_seconds=600.0)
    with told_when_slow(session, text):
        pass
    said = "waiting for the server to read https://git.example.test/x.git, for two minutes at most\n"
    assert stderr.getvalue() == said


def test_refused_import_shows_the_reason(shown: Run, showcase: Shop) -> None:
    showcase.gate.refuse("POST /api/v1/projects/import", 400, Code.GIT_FAILED, "git fetch failed: no such host")
    ran = shown("projects", "import", "https://nowhere.example.com/x.git")
    assert (ran.code, ran.out) == (ExitCode.ERROR, "")
    assert "git fetch failed: no such host" in ran.err


def test_what_is_wrong_in_an_imported_file_is_shown_as_lint_shows_it(
    run: Run, server: RunningServer, tmp_path: Path
) -> None:
    text = "version: 1\nproject: {name: x}\npipelines: [{id: a, depends_on: [b], jobs: []}]\n"
    make_repository(tmp_path / "broken", {"cictl.yaml": text})
    linted = run("lint", str(tmp_path / "broken" / "cictl.yaml")).out.splitlines()
    ran = run("projects", "import", str(tmp_path / "broken"))
    assert ran.code == ExitCode.ERROR
    *places, error, hint = ran.err.splitlines()
    assert [line.rpartition("/")[2] for line in linted] == places
    assert error == f"error: cictl.yaml has {len(places)} problems"
    assert hint.startswith("try: `cictl lint FILE`")
    found = run("projects", "import", str(tmp_path / "broken"), "-o", "json").error()["findings"]
    assert [(each["file"], each["line"]) for each in found] == [("cictl.yaml", 3)] * len(places)


def test_reload(cli: Run) -> None:
    assert cli("projects", "reload", "shop").err.startswith("reloaded shop: 2 pipelines")


def test_delete_needs_yes_when_nobody_can_be_asked(shown: Run, showcase: Shop) -> None:
    ran = shown("projects", "delete", "shop")
    assert (ran.code, ran.out) == (ExitCode.USAGE, "")
    assert "2 pipelines (build, deploy) and 1 chain" in ran.err
    assert "--yes" in ran.err
    assert showcase.gate.posts() == []


@pytest.mark.parametrize("argv", [("projects", "delete", "shop", "-y"), ("--yes", "projects", "delete", "shop")])
def test_delete_with_yes(cli: Run, shop: Shop, argv: tuple[str, ...]) -> None:
    assert cli(*argv).code == 0
    assert shop.projects() == []


def test_pipelines_list(shown: Run) -> None:
    assert shown("pipelines", "list", "-o", "name").out == "shop/build\nshop/deploy\n"


def test_pipelines_list_of_one_project_as_json(shown: Run) -> None:
    pipelines = shown("pipelines", "list", "--project", "shop", "-o", "json").json()["pipelines"]
    assert [(p["id"], p["project"], p["pipeline_id"]) for p in pipelines] == [
        (7, "shop", "build"),
        (8, "shop", "deploy"),
    ]


@pytest.mark.parametrize("text", ["shop/build", "build", "7", "3/build", "sh/bu"])
def test_pipelines_show(shown: Run, text: str) -> None:
    ran = shown("pipelines", "show", text)
    assert ran.code == 0
    assert "  compile; timeout 60 s\n    1. make\n" in ran.out
    assert "  test; needs compile; matrix linux\n    1. unit\n" in ran.out


NAMING = [("pipelines", verb) for verb in ("show", "preview", "source-refs", "eligible-agents", "version", "run")]
NAMING += [("chains", verb) for verb in ("show", "preview", "source-refs", "eligible-agents", "run")]


@pytest.mark.parametrize(("group", "verb"), NAMING)
def test_typo_is_answered_with_a_suggestion(shown: Run, group: str, verb: str) -> None:
    typo, meant = ("shop/biuld", "shop/build") if group == "pipelines" else ("shop/relaese", "shop/release")
    ran = shown(group, verb, typo)
    assert (ran.code, ran.out) == (ExitCode.NOT_FOUND, "")
    assert ran.err.startswith(f"error: {group[:-1]} '{typo}' not found; did you mean {meant}")
    assert f"`cictl {group} list`" in ran.err


@pytest.mark.parametrize(("group", "verb"), NAMING)
def test_pipeline_is_no_chain_and_chain_no_pipeline(shown: Run, group: str, verb: str) -> None:
    assert shown(group, verb, "release" if group == "pipelines" else "shop/deploy").code == ExitCode.NOT_FOUND


SHOWING = [
    ("projects", "list"),
    ("projects", "show", "secretive"),
    ("pipelines", "show", "secretive/p"),
    ("pipelines", "list"),
    ("pipelines", "preview", "secretive/p"),
    ("jobs", "list"),
]
"""What shows where a project comes from."""


@pytest.fixture
def url_with_login(tmp_path: Path) -> Iterator[str]:
    """The URL of a repository that a git server gives to those who log in."""
    (tmp_path / "root").mkdir()
    served = GitServer(tmp_path / "root")
    text = "version: 1\nproject: {name: secretive}\npipelines: [{id: p, vcs_source: {repo: self}, jobs: [{id: j, steps: [{run: x}]}]}]"
    served.publish(make_repository(tmp_path / "work", {"cictl.yaml": text}), "x")
    yield f"{served.url_with_login}/x.git"
    served.close()


def test_the_login_in_a_url_is_never_shown(run: Run, server: RunningServer, url_with_login: str) -> None:
    server.heartbeat(capabilities={"executor": "script", "shells": "posix"})
    lines = [
        ("projects", "import", url_with_login),
        ("projects", "import", url_with_login, "-o", "json"),
        ("projects", "reload", "secretive"),
        *((*line, "-o", form) for line in SHOWING for form in ("wide", "json", "yaml")),
    ]
    for line in lines:
        ran = run(*line)
        assert ran.code == ExitCode.OK, ran.err
        assert "s3cret" not in ran.out + ran.err


@pytest.fixture
def namesakes(run: Run, server: RunningServer, tmp_path: Path) -> None:
    """A project `shop`, id 1, and another repository whose project is called so too and has one pipeline more, id 2."""
    server.heartbeat(capabilities={"executor": "script", "shells": "posix"})
    jobs = "vcs_source: {repo: self}, jobs: [{id: j, steps: [{run: x}]}]"
    for name, pipelines in (("mine", ["build"]), ("theirs", ["build", "deploy"])):
        listed = "".join(f"\n  - {{id: {pipeline}, {jobs}}}" for pipeline in pipelines)
        text = f"version: 1\nproject: {{name: shop}}\npipelines:{listed}\n"
        url = str(make_repository(tmp_path / name, {"cictl.yaml": text}))
        assert server.post("/api/v1/projects/import", {"repo_url": url}).status_code == 201


@pytest.mark.usefixtures("namesakes")
@pytest.mark.parametrize(
    "line",
    [
        ("run", "shop/deploy"),
        ("run", "sh/depl"),
        ("run", "shop/build"),
        ("run", "shop/deploy/j"),
        ("pipelines", "show", "shop/deploy"),
        ("pipelines", "preview", "shop/deploy"),
        ("jobs", "list", "--pipeline", "shop/deploy"),
        ("jobs", "list", "--project", "shop"),
        ("jobs", "show", "shop/deploy@last"),
        ("projects", "show", "shop"),
        ("projects", "show", "sh"),
        ("projects", "reload", "shop"),
        ("projects", "delete", "shop", "--yes"),
    ],
    ids=" ".join,
)
def test_a_name_that_two_projects_have_is_refused_with_both_ids(
    run: Run, line: tuple[str, ...], tmp_path: Path
) -> None:
    ran = run(*line)
    assert ran.code == ExitCode.USAGE
    assert f"shop (id 1, {tmp_path}/mine@main)" in ran.err
    assert f"shop (id 2, {tmp_path}/theirs@main)" in ran.err
    assert run("jobs", "list", "-o", "name").out == ""
    assert len(run("projects", "list", "-o", "json").json()["projects"]) == 2


@pytest.mark.usefixtures("namesakes")
def test_ids_tell_namesakes_apart(run: Run) -> None:
    for project in ("1", "2"):
        assert run("run", f"{project}/build").code == ExitCode.OK
    facts = [job["metadata"] for job in run("jobs", "list", "-o", "json").json()["job_executions"]]
    assert [(each["project_id"], each["pipeline_id"]) for each in facts] == [("2", "build"), ("1", "build")]
    for project in ("1", "2"):
        shown = run("jobs", "show", f"{project}/build@last", "-o", "json").json()["job_execution"]
        assert shown["metadata"]["project_id"] == project
        [listed] = run("jobs", "list", "--pipeline", f"{project}/build", "-o", "json").json()["job_executions"]
        assert listed["id"] == shown["id"]


def test_a_project_that_takes_the_id_of_another_as_its_name_is_refused(
    run: Run, server: RunningServer, tmp_path: Path
) -> None:
    for name in ("shop", "1"):
        text = f"version: 1\nproject: {{name: '{name}'}}\npipelines: [{{id: p{name}, jobs: [{{id: j, steps: [{{run: x}}]}}]}}]"
        run("projects", "import", str(make_repository(tmp_path / name, {"cictl.yaml": text})))
    for line in (("projects", "delete", "1", "--yes"), ("run", "1/p1"), ("run", "1/pshop")):
        ran = run(*line)
        assert (ran.code, "shop (id 1, " in ran.err, "1 (id 2, " in ran.err) == (ExitCode.USAGE, True, True)
    assert "p1 (id 2)" in run("projects", "show", "2").out
