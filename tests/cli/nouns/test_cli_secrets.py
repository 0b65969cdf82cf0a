"""`cictl secrets`."""

from __future__ import annotations

import io
from pathlib import Path

import pexpect
import pytest
from cictl_testing.screen import Screen, end
from cictl_testing.server import RunningServer
from cictl_testing.shop import Shop

from cictl.cli.app.exit_codes import ExitCode
from tests.cli.conftest import Run

USES = '[{id: make, steps: [{run: x, env: {TOKEN: "{{ secret.deploy }}"}}]}]'


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the next command reads."""
    text = io.StringIO()
    monkeypatch.setattr("sys.stdin", text)
    return text


def say(stdin: io.StringIO, text: str) -> None:
    stdin.seek(0)
    stdin.truncate()
    stdin.write(text)
    stdin.seek(0)


def value_of_job(server: RunningServer) -> str:
    server.run(server.define(USES))
    return server.leased().step_plan[0].env["TOKEN"]


def test_a_value_from_stdin_loses_its_last_newline(run: Run, server: RunningServer, stdin: io.StringIO) -> None:
    say(stdin, "hunter2\n\n")
    ran = run("secrets", "set", "deploy")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "secret deploy is set; steps get it by `{{ secret.deploy }}` in env\n"
    assert value_of_job(server) == "hunter2\n"


def test_a_value_from_a_file_stays_as_it_is(run: Run, server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("line\n")
    assert run("secrets", "set", "deploy", "--from-file", str(tmp_path / "key")).code == 0
    assert value_of_job(server) == "line\n"
    assert run("secrets", "set", "deploy", "--from-file", str(tmp_path / "none")).code == ExitCode.USAGE
    (tmp_path / "key").write_bytes(b"\xff")
    assert "no UTF-8 text" in run("secrets", "set", "deploy", "--from-file", str(tmp_path / "key")).err


def test_secrets_of_projects_and_branches(run: Run, server: RunningServer, stdin: io.StringIO) -> None:
    server.define(USES)
    say(stdin, "x")
    ran = run("secrets", "set", "deploy", "--project", "sho", "--branch", "main", "--branch", "release/*")
    assert ran.err.startswith("secret deploy is set for shop, branches main, release/*; ")
    assert [line.split()[:3] for line in run("secrets", "list").out.splitlines()] == [
        ["NAME", "PROJECT", "BRANCHES"],
        ["deploy", "shop", "main,release/*"],
    ]
    assert run("secrets", "list", "-o", "name").out == "deploy\n"
    ran = run("secrets", "remove", "deploy", "--yes")
    assert (ran.code, "--project shop" in ran.err) == (ExitCode.NOT_FOUND, True)
    assert run("secrets", "remove", "deploy", "--project", "shop").code == ExitCode.USAGE
    assert run("secrets", "remove", "deploy", "--project", "shop", "--yes").code == 0
    assert run("secrets", "list").err == "there are no secrets; `cictl secrets set NAME` stores one\n"


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        pytest.param(("secrets", "set", "a b"), ExitCode.ERROR, id="a name that is none"),
        pytest.param(("secrets", "set", "a", "--project", "nobody"), ExitCode.NOT_FOUND, id="no such project"),
        pytest.param(("secrets", "remove", "a", "--yes"), ExitCode.NOT_FOUND, id="no such secret"),
    ],
)
def test_what_is_refused(
    run: Run, server: RunningServer, stdin: io.StringIO, argv: tuple[str, ...], code: ExitCode
) -> None:
    say(stdin, "x")
    assert run(*argv).code == code


def test_read_only(run: Run, server: RunningServer, stdin: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_READONLY", "1")
    for words in (("set", "a"), ("remove", "a", "--yes"), ("rotate-key",)):
        assert run("secrets", *words).code == ExitCode.NOT_ALLOWED


def test_on_a_terminal_the_value_is_asked_for_and_never_shown(screen: Screen, shop: Shop) -> None:
    child = screen.start("secrets", "set", "deploy")
    child.expect_exact("value of deploy: ")
    child.sendline("hunter2")
    child.expect_exact("secret deploy is set")
    assert end(child) == 0
    assert "hunter2" not in str(child.before)
    assert [secret.name for secret in shop.server.services.secrets.own.list_secrets()] == ["deploy"]
    assert pexpect.EOF is child.after
