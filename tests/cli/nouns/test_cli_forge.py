"""`cictl projects forge`: where commits show how runs stand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.servers.forges import TOKEN, GitHub, serving
from cictl_testing.servers.threads import ThreadedServer

from cictl.cli.app.exit_codes import ExitCode
from cictl_server.app import create_app
from cictl_server.services.notifications import NotificationSettings
from tests.cli.conftest import Run


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return str(path)


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The API of a forge that has the repository tea/shop; `run` calls a server with the project shop, which may use it."""
    server = RunningServer(
        tmp_path / "data", settings={"notification_settings": NotificationSettings(allows_http=True)}
    )
    server.define("[{id: make, steps: [{run: x}]}]")
    http = ThreadedServer(create_app(server.services))
    monkeypatch.setenv("CICTL_SERVER_URL", http.url)
    with serving(GitHub()) as url:
        yield url
    server.services.core.hub.close()
    http.stop()
    server.close()


def test_one_is_set_tested_shown_and_removed(run: Run, api: str, token_file: str) -> None:
    options = ("--kind", "github", "--api", api, "--repository", "tea/shop", "--token-file", token_file)
    ran = run("projects", "forge", "set", "shop", *options)
    assert (ran.code, ran.err) == (0, "github is told of the runs of shop, as tea/shop\n")
    assert "it shows tea/shop" in run("projects", "forge", "test", "shop").out
    shown = run("projects", "forge", "show", "shop", "-o", "json")
    assert shown.json() == {"kind": "github", "api": api, "repository": "tea/shop", "waiting": 0}
    assert "tea/shop" in run("projects", "forge", "show", "shop").out
    assert run("projects", "forge", "remove", "shop", "--yes").code == 0
    assert run("projects", "forge", "show", "shop").code == ExitCode.NOT_FOUND


def test_a_token_that_does_not_count_is_1(run: Run, api: str, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong")
    options = ("--kind", "github", "--api", api, "--repository", "tea/shop", "--token-file", str(tmp_path / "wrong"))
    run("projects", "forge", "set", "shop", *options)
    ran = run("projects", "forge", "test", "shop")
    assert ran.code == ExitCode.ERROR
    assert "401" in ran.out


def test_what_is_refused(run: Run, api: str, token_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("--api", api, "--token-file", token_file)
    assert run("projects", "forge", "set", "shop", "--kind", "svn", *options).code == ExitCode.USAGE
    assert run("projects", "forge", "set", "nothing", "--kind", "gitea", *options).code == ExitCode.NOT_FOUND
    missing = ("--kind", "gitea", "--api", api, "--token-file", f"{token_file}-2")
    assert run("projects", "forge", "set", "shop", *missing).code == ExitCode.USAGE
    monkeypatch.setenv("CICTL_READONLY", "1")
    assert run("projects", "forge", "set", "shop", "--kind", "gitea", *options).code == ExitCode.NOT_ALLOWED
    assert run("projects", "forge", "remove", "shop", "--yes").code == ExitCode.NOT_ALLOWED
