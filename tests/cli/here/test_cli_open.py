"""`cictl open`: which page a name means, and when a browser opens it; and links to pages in tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from cictl_testing.files import git
from cictl_testing.screen import Screen, end
from cictl_testing.shop import Shop

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.commands.about.open import has_desktop
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("1", "/runs/1"),
        ("@last", "/runs/1"),
        ("shop/build@last", "/runs/1"),
        ("run-1", "/runs/1"),
        ("1/compile", "/jobs/job-2"),
        ("@last/test", "/jobs/job-3"),
        ("shop/build/test@last", "/jobs/job-3"),
        ("job-2", "/jobs/job-2"),
        ("shop", "/projects/3"),
        ("sh", "/projects/3"),
        ("shop/build", "/projects/3"),
        ("shop/release", "/projects/3"),
    ],
)
def test_what_has_a_page(cli: Run, shop: Shop, name: str, page: str) -> None:
    cli("run", "shop/build")
    ran = cli("open", name)
    assert (ran.code, ran.out, ran.err) == (ExitCode.OK, f"{shop.url}{page}\n", "")


@pytest.mark.parametrize("name", ["9", "@last", "1/x", "job-9", "nothing", "shop/nothing"])
def test_what_has_none(cli: Run, name: str) -> None:
    assert cli("open", name).code == ExitCode.NOT_FOUND


def test_without_a_name_the_project_of_the_checkout(
    cli: Run, shop: Shop, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    assert cli("open").out == f"{shop.url}/\n"
    git(home, "clone", "-q", str(shop.repository), "clone")
    monkeypatch.chdir(home / "clone")
    assert cli("open").out == f"{shop.url}/projects/3\n"


def test_data_tells_whether_it_was_opened(cli: Run, shop: Shop) -> None:
    assert cli("open", "shop", "-o", "json").json() == {"url": f"{shop.url}/projects/3", "opened": False}
    assert cli("open", "shop", "-o", "name").out == f"{shop.url}/projects/3\n"


@pytest.fixture
def browser(home: Path) -> Path:
    """A browser that writes the address that it is told into the file `opened`."""
    program = home / "browser"
    program.write_text(f'#!/bin/sh\nprintf "%s" "$1" > "{home}/opened"\n')
    program.chmod(0o755)
    return program


def test_a_browser_opens_it(screen: Screen, shop: Shop, home: Path, browser: Path) -> None:
    env = {"DISPLAY": ":0", "BROWSER": f"{browser} %s"}
    assert screen.show("open", "shop", env=env) == f"{shop.url}/projects/3\r\n"
    assert (home / "opened").read_text() == f"{shop.url}/projects/3"


@pytest.mark.parametrize("env", [{}, {"DISPLAY": ":0", "SSH_CONNECTION": "1"}], ids=["no desktop", "ssh"])
def test_where_no_browser_would_appear(screen: Screen, home: Path, browser: Path, env: dict[str, str]) -> None:
    assert "/projects/3\r\n" in screen.show("open", "shop", env={"BROWSER": f"{browser} %s", **env})
    assert "/projects/3\r\n" in screen.show(
        "open", "shop", "--print", env={"BROWSER": f"{browser} %s", "DISPLAY": ":0"}
    )
    assert not (home / "opened").exists()


def test_a_browser_that_does_not_start(screen: Screen, home: Path) -> None:
    child = screen.start("open", "shop", env={"DISPLAY": ":0", "BROWSER": "nothing %s", "PATH": str(home)})
    child.expect_exact("no browser could be opened")
    assert end(child) == ExitCode.ERROR


@pytest.mark.parametrize(
    ("env", "platform", "is_there"),
    [
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "linux", False),
        ({}, "darwin", True),
        ({"SSH_TTY": "/dev/pts/1"}, "darwin", False),
    ],
)
def test_where_a_desktop_is(env: dict[str, str], platform: str, is_there: bool) -> None:
    assert has_desktop(env, platform) is is_there


@pytest.mark.parametrize(
    ("command", "page"),
    [("runs list", "/runs/1"), ("jobs list", "/jobs/job-2"), ("projects list", "/projects/3")],
)
def test_tables_link_to_pages(screen: Screen, shop: Shop, command: str, page: str) -> None:
    screen.show("run", "shop/build")
    assert f";{shop.url}{page}\x1b\\" in screen.show(*command.split())


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "linux"}])
def test_no_links_where_a_terminal_may_not_take_them(screen: Screen, env: dict[str, str]) -> None:
    assert "\x1b]8" not in screen.show("projects", "list", env=env)


# The server inside the command is gone when somebody could follow them.
def test_a_local_run_has_no_links(screen: Screen, home: Path) -> None:
    jobs = "[{id: a, steps: [{run: 'true'}]}, {id: b, steps: [{run: 'true'}]}]"
    (home / "cictl.yaml").write_text(f"version: 1\nproject: {{name: shop}}\npipelines: [{{id: build, jobs: {jobs}}}]\n")
    shown = screen.show("run", "--local", "--wait", env={"CICTL_SERVER_URL": ""})
    assert "succeeded" in shown
    assert "\x1b]8" not in shown
