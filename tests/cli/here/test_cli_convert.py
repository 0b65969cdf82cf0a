from __future__ import annotations

from pathlib import Path

import pytest

from cictl.cli.app.exit_codes import ExitCode
from cictl.project_file import parse
from tests.cli.conftest import Run

WORKFLOW = "on: push\njobs: {test: {runs-on: ubuntu-latest, steps: [{uses: a/b@v1}, {run: make}]}}\n"


@pytest.fixture
def workflow(home: Path) -> Path:
    file = home / "shop" / ".github" / "workflows" / "ci.yml"
    file.parent.mkdir(parents=True)
    (home / "shop" / ".git").mkdir()
    file.write_text(WORKFLOW)
    return file


def test_the_project_file_goes_to_stdout_and_the_counts_to_stderr(run: Run, workflow: Path) -> None:
    done = run("convert", str(workflow))
    assert done.code == ExitCode.OK
    file = parse(done.out, config_file="cictl.yaml")
    assert (file.name, file.pipelines[0].id, file.pipelines[0].jobs[0].steps[0].run) == ("shop", "ci", "make")
    assert "# line 2: uses: a/b@v1: " in done.out
    assert done.err.startswith(f"GitHub Actions: 3 things of {workflow} are said, 0 need nothing, 1 have no equal")


def test_it_is_written_where_it_belongs_and_replaces_nothing(run: Run, workflow: Path, home: Path) -> None:
    done = run("convert", str(workflow), "--write", "--name", "other")
    file = home / "shop" / "cictl.yaml"
    assert (done.code, done.out) == (ExitCode.OK, "")
    assert done.err.startswith(f"wrote {file}\n")
    assert parse(file.read_bytes(), config_file="cictl.yaml").name == "other"
    assert run("convert", str(workflow), "--write").code == ExitCode.CONFLICT
    assert run("convert", str(workflow), "--write", "--force").code == ExitCode.OK
    assert parse(file.read_bytes(), config_file="cictl.yaml").name == "shop"


def test_machines_get_all_of_it(run: Run, workflow: Path) -> None:
    shown = run("convert", str(workflow), "-o", "json").json()
    assert (shown["kind"], shown["said"], shown["needless"], shown["findings"]) == ("GitHub Actions", 3, 0, [])
    assert [(left["line"], left["what"]) for left in shown["left"]] == [(2, "uses: a/b@v1")]
    assert shown["text"].startswith("# Made from ")


def test_findings_of_lint_are_told(run: Run, workflow: Path) -> None:
    workflow.write_text(WORKFLOW.replace("test: {", "test: {needs: [none], "))
    done = run("convert", str(workflow))
    assert done.code == ExitCode.OK
    assert 'needs[0] references unknown job "none"' in done.err


BAD = [
    pytest.param("a: [", "expected the node content", id="no-yaml"),
    pytest.param("- a\n", "has no mapping of keys", id="a-list"),
    pytest.param("", "has no mapping of keys", id="empty"),
    pytest.param("a: b\n", "is of no CI that is known here", id="something-else"),
    pytest.param("on: push\njobs: " + "[" * 200 + "]" * 200, "is nested too deep", id="deep"),
    pytest.param(
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{n}: &{n} [{','.join([f'*{b}'] * 10)}]\n" for b, n in zip("abcdef", "bcdefg", strict=True)),
        "is nested too deep",
        id="bomb",
    ),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_what_is_no_file_of_a_ci_is_told(run: Run, home: Path, text: str, said: str) -> None:
    (home / "x.yml").write_text(text)
    done = run("convert", str(home / "x.yml"))
    assert done.code == ExitCode.USAGE
    assert said in done.err


def test_a_file_that_is_not_there_or_no_text(run: Run, home: Path) -> None:
    assert run("convert", str(home / "none.yml")).code == ExitCode.USAGE
    (home / "latin.yml").write_bytes(b"a: \xe4")
    assert "it is not UTF-8" in run("convert", str(home / "latin.yml")).err
