"""`cictl projects check` and `cictl projects hook`."""

from __future__ import annotations

from pathlib import Path

import pytest
from cictl_testing.files import make_repository

from cictl.cli.app.exit_codes import ExitCode
from tests.cli.conftest import Run

FILE = """\
version: 1
project: {name: kettle}
pipelines:
  - {id: boil, on: {push: {}}, vcs_source: {repo: self}, jobs: [{id: j, steps: [{run: x}]}]}
  - {id: pour, vcs_source: {repo: self}, jobs: [{id: j, steps: [{run: x}]}]}
"""


@pytest.fixture
def pushed(cli: Run, tmp_path: Path) -> None:
    """The repository of a project got a new commit since the first look."""
    repository = make_repository(tmp_path / "kettle", {"cictl.yaml": FILE})
    assert cli("projects", "import", str(repository)).code == 0
    assert cli("projects", "check", "kettle").code == 0
    make_repository(repository, {"cictl.yaml": FILE, "water": "cold"})


@pytest.mark.usefixtures("shop")
def test_nothing_new(cli: Run) -> None:
    cli("projects", "check", "shop")
    ran = cli("projects", "check", "shop")
    assert (ran.code, ran.out) == (0, "")
    assert "nothing new in the repository of shop" in ran.err


@pytest.mark.usefixtures("pushed")
def test_what_started_and_why_nothing_else_did(cli: Run) -> None:
    found = cli("projects", "check", "kettle", "-o", "json").json()
    [run] = found["started"]
    assert (run["pipeline"], run["ref"]) == ("boil", "refs/heads/main")
    [other] = found["not_started"]
    assert other["reason"] == "only people start it: it has neither `on` nor `trigger: vcs`"
    shown = cli("runs", "show", str(run["run_number"]))
    assert "Event:" in shown.out
    assert "push" in shown.out


@pytest.mark.usefixtures("shop")
def test_how_often_is_set_and_shown(cli: Run) -> None:
    assert cli("projects", "check", "shop", "--every", "0").code == 0
    assert "Next look:" not in cli("projects", "show", "shop").out
    assert "Last look:" in cli("projects", "show", "shop").out
    refused = cli("projects", "check", "shop", "--every", "x")
    assert refused.code == ExitCode.USAGE


@pytest.mark.usefixtures("shop")
def test_the_secret_of_webhooks_is_shown_once(cli: Run) -> None:
    assert "none yet: `cictl projects hook rotate` makes one" in cli("projects", "hook", "show", "shop").out
    made = cli("projects", "hook", "rotate", "shop", "-o", "json").json()
    shown = cli("projects", "hook", "show", "shop")
    assert made["url"] in shown.out
    assert "Secret:" in shown.out
    assert made["secret"] not in shown.out
    assert "GitLab: Settings, Webhooks" in shown.out
    again = cli("projects", "hook", "rotate", "shop")
    assert "Key:" in again.out
    assert made["secret"] not in again.out
