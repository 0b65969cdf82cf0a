"""Commands without a name, in a checkout: they mean the project that the server builds from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from cictl_testing.files import git, make_repository
from cictl_testing.screen import Screen, end
from cictl_testing.shop import LONG_AGO, Shop, job

from cictl.cli.app.exit_codes import ExitCode
from cictl.wire.jobs import Cause, JobStatus
from tests.cli.conftest import Run


@pytest.fixture
def checkout(shop: Shop, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory: deep in a clone of the repository that the shop builds."""
    clone = home / "clone"
    git(home, "clone", "-q", str(shop.repository), str(clone))
    (clone / "deep").mkdir()
    monkeypatch.chdir(clone / "deep")
    return clone


def test_a_pipe_is_told_what_could_run_with_the_commands(cli: Run, checkout: Path) -> None:
    ran = cli("run")
    assert (ran.code, ran.out) == (ExitCode.USAGE, "")
    assert ran.err.splitlines() == [
        "  cictl run shop/build",
        "  cictl run shop/deploy",
        "  cictl run shop/release",
        "error: what shall run? there are shop/build, shop/deploy, shop/release",
        "try: cictl run shop/build",
    ]


def test_data_is_told_in_one_object(cli: Run, checkout: Path) -> None:
    ran = cli("run", "-o", "json")
    assert (ran.error()["hint"], ran.err.count("\n")) == ("cictl run shop/build", 1)


@pytest.mark.parametrize(
    ("answer", "started"),
    [
        ("", "run 1 of shop/build: 2 jobs"),
        ("1", "run 1 of shop/build: 2 jobs"),
        ("3", "run 1 of shop/release: 3 jobs"),
        ("shop/release", "run 1 of shop/release: 3 jobs"),
    ],
)
def test_a_person_chooses(screen: Screen, shop: Shop, checkout: Path, answer: str, started: str) -> None:
    child = screen.start("run", cwd=checkout)
    child.expect_exact("  2  shop/deploy   after build")
    child.expect_exact("  3  shop/release  chain of build, deploy")
    child.expect_exact("run which? [1-3, Enter for 1] ")
    child.sendline(answer)
    child.expect_exact(started)
    assert end(child) == ExitCode.OK


@pytest.mark.parametrize("answer", ["0", "4", "n", "shop/bake", "\x04"])
def test_any_other_answer_starts_nothing(screen: Screen, shop: Shop, checkout: Path, answer: str) -> None:
    child = screen.start("run", cwd=checkout)
    child.expect_exact("Enter for 1] ")
    child.send(answer + "\n" * (answer != "\x04"))
    child.expect_exact("nothing was started")
    assert end(child) == ExitCode.ERROR
    assert not shop.gate.posts()


def test_a_checkout_that_the_server_does_not_build(
    cli: Run, shop: Shop, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_repository(home / "other", {"cictl.yaml": ""})
    git(other, "remote", "add", "origin", "https://anna:secret@example.com/tea/other.git")
    monkeypatch.chdir(other)
    ran = cli("run")
    assert ran.code == ExitCode.USAGE
    assert f"no project on {shop.url} builds https://example.com/tea/other.git\n" in ran.err
    assert "try: cictl projects import https://example.com/tea/other.git, or cictl run --local\n" in ran.err


def test_no_checkout(cli: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    assert cli("run").err == "error: what shall run? this directory is no checkout\ntry: cictl run PROJECT/PIPELINE\n"
    (home / "cictl.yaml").write_text("")
    assert "try: cictl run PROJECT/PIPELINE, or cictl run --local\n" in cli("run").err


@pytest.mark.parametrize(
    ("files", "next_one"), [({"cictl.yaml": ""}, "cictl run --local"), ({"README": ""}, "cictl init")]
)
def test_no_server_is_needed_for_a_beginning(
    run: Run, home: Path, dead_url: str, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], next_one: str
) -> None:
    monkeypatch.setenv("CICTL_SERVER_URL", dead_url)
    monkeypatch.chdir(make_repository(home / "other", files))
    ran = run("run")
    assert ran.code == ExitCode.UNREACHABLE
    assert f"try: {next_one}, which needs no server; or cictl serve\n" in ran.err


def test_the_newest_failure_of_the_checkout(cli: Run, shop: Shop, checkout: Path) -> None:
    numbered = {"run_number": "1"}
    shop.put(job("job-1", JobStatus.FAILED, metadata={"project": "other"}), log=b"elsewhere\n")
    shop.put(job("job-2", JobStatus.FAILED, metadata=numbered, finished_utc=LONG_AGO), log=b"broken\n")
    shop.put(job("job-3", JobStatus.FAILED, cause=Cause.CANCELLED, finished_utc=LONG_AGO), log=b"stopped\n")
    shop.put(job("job-4", JobStatus.FAILED, cause=Cause.DEPENDENCY_FAILED), log=b"dragged\n")
    shop.put(job("job-5", JobStatus.SUCCEEDED), log=b"fine\n")
    ran = cli("jobs", "logs")
    assert (ran.code, ran.out) == (ExitCode.OK, "broken\n")
    assert ran.err.startswith("the newest failure of shop: 1/compile, ")


def test_nothing_has_failed(cli: Run, shop: Shop, checkout: Path) -> None:
    ran = cli("jobs", "logs", "--failed")
    assert (ran.code, ran.out) == (ExitCode.NOT_FOUND, "")
    assert "no job of shop has failed" in ran.err


def test_the_newest_run_of_the_checkout(cli: Run, shop: Shop, checkout: Path) -> None:
    assert "there is no run of shop yet" in cli("runs", "show").err
    cli("run", "shop/build")
    cli("run", "shop/release")
    shown = cli("runs", "show", "-o", "json")
    assert (shown.json()["number"], shown.err) == (2, "the newest run of shop: 2\n")
    assert cli("runs", "summary", "-o", "json").json()["number"] == 2
