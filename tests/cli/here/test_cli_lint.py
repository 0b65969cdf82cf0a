"""`cictl lint`."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from cictl.cli.app.exit_codes import ExitCode
from tests.cli.conftest import Run

GOOD = """
version: 1
project:
  name: shop
pipelines:
  - id: build
    vcs_source: {repo: "https://example.com/shop.git"}
    jobs:
      - id: compile
        timeout_seconds: 60
        steps:
          - run: make
"""
BAD = GOOD + "colour: red\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a good project file, made the current one."""
    directory = tmp_path / "checkout"
    directory.mkdir()
    (directory / "cictl.yaml").write_text(GOOD)
    monkeypatch.chdir(directory)
    return directory


def test_clean_file_is_0_and_silent_on_stdout(run: Run, project: Path) -> None:
    ran = run("lint", str(project / "cictl.yaml"))
    assert (ran.code, ran.out, ran.err) == (0, "", f"{project}/cictl.yaml: ok\n")
    assert run("lint", "-o", "json").json() == {"file": "cictl.yaml", "findings": []}


def test_directory_is_searched_for_the_file(run: Run, project: Path) -> None:
    assert run("lint").err == "cictl.yaml: ok\n"


def test_findings_are_1_with_their_place(run: Run, project: Path) -> None:
    (project / "cictl.yaml").write_text(BAD)
    ran = run("lint", "cictl.yaml")
    assert ran.code == ExitCode.ERROR
    assert ran.out.startswith(f"cictl.yaml:{len(BAD.splitlines())}:1: ")
    assert "colour" in ran.out
    data = run("lint", "-o", "json")
    assert (data.code, data.json()["file"]) == (ExitCode.ERROR, "cictl.yaml")
    assert data.json()["findings"][0]["line"] == len(BAD.splitlines())


def test_warnings_are_shown_and_the_file_is_good(run: Run, project: Path) -> None:
    (project / "cictl.yaml").write_text(GOOD.replace("steps:", "artifacts: [./dist/app]\n        steps:"))
    ran = run("lint")
    message = 'pipelines[0].jobs[0].artifacts[0] "./dist/app" matches no file; write dist/app'
    assert (ran.code, ran.out) == (0, f"cictl.yaml:11:21: warning: {message}\n")
    assert ran.err == "cictl.yaml: ok, 1 warning\n"
    data = run("lint", "-o", "json").json()
    assert (data["findings"], [found["message"] for found in data["warnings"]]) == ([], [message])


def test_warnings_are_0_with_their_place(run: Run, project: Path) -> None:
    (project / "cictl.yaml").write_text(GOOD.replace("make", "make | tee log"))
    ran = run("lint")
    assert (ran.code, ran.err) == (ExitCode.OK, "cictl.yaml: ok, 1 warning\n")
    assert re.fullmatch(r"cictl\.yaml:\d+:\d+: warning: pipelines.* when make fails.*\n", ran.out)
    assert len(run("lint", "-o", "json").json()["warnings"]) == 1


def test_broken_yaml_is_a_finding(run: Run, project: Path) -> None:
    (project / "cictl.yaml").write_text("project: [")
    assert run("lint").code == ExitCode.ERROR


@pytest.mark.parametrize("argument", ["nowhere.yaml", "empty"])
def test_nothing_to_read_is_2(run: Run, project: Path, argument: str) -> None:
    (project / "empty").mkdir()
    ran = run("lint", argument)
    assert (ran.code, ran.out) == (ExitCode.USAGE, "")
    assert argument in ran.err


def test_included_files_are_read_beside_the_file(run: Run, project: Path) -> None:
    (project / "cictl.yaml").write_text(GOOD + "include: [{file: ci/more.yaml}]\n")
    assert 'there is no file "ci/more.yaml"' in run("lint").out
    (project / "ci").mkdir()
    (project / "ci" / "more.yaml").write_text("pipelines: []\ncolour: red\n")
    ran = run("lint", str(project))
    assert ran.code == ExitCode.ERROR
    assert ran.out.startswith(f"{project}/ci/more.yaml:2:1: field colour not found in an included file")
    (project / "ci" / "more.yaml").write_text("pipelines: []\n")
    assert run("lint").code == ExitCode.OK


@pytest.fixture
def nested(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a repository, made the current one, with a project file that includes a file of the repository's root."""
    (project / ".git").mkdir()
    (project / "more.yaml").write_text("colour: red\n")
    folder = project / "ci"
    folder.mkdir()
    (folder / "cictl.yaml").write_text(GOOD + "include: [{file: more.yaml}]\n")
    monkeypatch.chdir(folder)
    return folder


def test_included_files_have_their_paths_from_the_root_of_the_repository(run: Run, nested: Path) -> None:
    assert run("lint").out.startswith(f"{Path('..') / 'more.yaml'}:1:1: field colour not found")
    assert run("lint", str(nested)).out.startswith(f"{nested.parent / 'more.yaml'}:1:1: field colour not found")


def test_what_stdin_includes_is_of_the_repository_too(run: Run, nested: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (nested / "cictl.yaml").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    ran = run("lint", "-")
    assert (ran.code, ran.err) == (ExitCode.ERROR, "stdin: 1 problem\n")
    assert ran.out.startswith(f"{Path('..') / 'more.yaml'}:1:1: field colour not found")


def test_the_schema_is_that_of_the_page(run: Run) -> None:
    page = Path(__file__).parents[3] / "docs" / "project-file.schema.json"
    ran = run("lint", "--schema")
    assert (ran.code, ran.out) == (ExitCode.OK, page.read_text(encoding="utf-8"))
