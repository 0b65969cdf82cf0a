"""`cictl context`, and what a protected context asks."""

from __future__ import annotations

import io
import os
import stat
import sys
from pathlib import Path

import pexpect
import pytest
from cictl_testing.shop import Shop, job

from cictl.cli.app.exit_codes import ExitCode
from tests.cli.conftest import Run

TOKEN = "tok-3f1a9"


@pytest.fixture
def config(home: Path) -> Path:
    return home / "config" / "cictl" / "config.yaml"


@pytest.fixture
def two(run: Run) -> Run:
    """Two contexts, of which prod is in use."""
    assert run("context", "set", "prod", "--server", "https://ci.example.com/").code == 0
    assert run("context", "set", "test", "--server", "http://ci.test:8112").code == 0
    return run


def settings(run: Run, *argv: str) -> dict[str, tuple[str, str]]:
    """Return what `context show` says: value and origin of each setting."""
    shown = run("context", "show", "-o", "json", *argv).json()["settings"]
    return {s["name"]: (s["value"], s["origin"]) for s in shown}


def test_the_first_context_is_in_use(run: Run) -> None:
    ran = run("context", "set", "prod", "--server", "https://ci.example.com")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("added prod, and it is in use from now on")
    assert settings(run)["server"] == ("https://ci.example.com", "context prod")


def test_list(two: Run) -> None:
    ran = two("context", "list")
    assert [line.split() for line in ran.out.splitlines()] == [
        ["NAME", "SERVER", "IN", "USE", "TOKEN", "PROTECTED"],
        ["prod", "https://ci.example.com", "yes", "none", "no"],
        ["test", "http://ci.test:8112", "no", "none", "no"],
    ]
    assert [c["name"] for c in two("context", "list", "-o", "json").json()["contexts"]] == ["prod", "test"]
    assert two("context", "list", "-o", "name").out == "prod\ntest\n"


def test_list_of_nothing_says_so(run: Run) -> None:
    ran = run("context", "list")
    assert (ran.code, ran.out) == (0, "")
    assert "there are no contexts" in ran.err


def test_use_takes_a_beginning(two: Run) -> None:
    ran = two("context", "use", "te")
    assert (ran.code, ran.out, ran.err) == (0, "", "using test (http://ci.test:8112)\n")
    assert settings(two)["server"][0] == "http://ci.test:8112"


def test_use_twice_says_already(two: Run) -> None:
    ran = two("context", "use", "prod")
    assert (ran.code, ran.err) == (0, "already using prod (https://ci.example.com)\n")


def test_use_tells_what_wins_over_it(two: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_SERVER_URL", "http://other")
    assert "warning: CICTL_SERVER_URL is set" in two("context", "use", "test").err


@pytest.mark.parametrize("verb", ["use", "delete", "show"])
def test_an_unknown_context_is_5(two: Run, verb: str) -> None:
    ran = two("context", verb, "pord")
    assert ran.code == ExitCode.NOT_FOUND
    assert "no context 'pord'" in ran.err


def test_an_ambiguous_context_is_2(two: Run) -> None:
    two("context", "set", "prod-eu", "--server", "http://eu")
    assert two("context", "use", "pro").code == ExitCode.USAGE
    assert two("context", "use", "prod").code == 0


def test_set_changes_only_what_it_names(two: Run) -> None:
    two("context", "set", "test", "--protected")
    two("context", "set", "test", "--server", "http://new")
    shown = two("context", "list", "-o", "json").json()["contexts"][1]
    assert (shown["server"], shown["protected"]) == ("http://new", True)
    two("context", "set", "test", "--unprotected")
    assert two("context", "list", "--query", "contexts[1].protected").out == "false\n"


def test_set_and_use(two: Run) -> None:
    assert "in use from now on" in two("context", "set", "test", "--use").err
    assert settings(two)["context"][0] == "test"


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        pytest.param(("new",), "needs a server", id="no server"),
        pytest.param(("new", "--server", "ci.example.com"), "not a server URL", id="no URL"),
        pytest.param(("a/b", "--server", "http://a"), "not a name", id="slash in the name"),
        pytest.param(("prod", "--token-stdin", "--no-token"), "exclude each other", id="two tokens"),
        pytest.param(("prod", "--token-file", "/nowhere/token"), "cannot read the token file", id="no token file"),
    ],
)
def test_set_refuses(two: Run, config: Path, argv: tuple[str, ...], text: str) -> None:
    before = config.read_bytes()
    ran = two("context", "set", *argv)
    assert ran.code == ExitCode.USAGE
    assert text in ran.err
    assert config.read_bytes() == before


def test_a_token_from_stdin_is_stored_and_sent_and_never_shown(
    run: Run, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{TOKEN}\n"))
    shown = [run("context", "set", "prod", "--server", shop.url, "--token-stdin", "-o", "json")]
    shown += [run("context", "list", "-o", "wide"), run("context", "show", "--origins", "--debug")]
    assert run("agents", "list").code == 0
    assert shop.gate.authorization == f"Bearer {TOKEN}"
    assert all(TOKEN not in ran.out + ran.err for ran in shown)
    assert shown[0].json()["contexts"][0]["token"] == "stored"


def test_no_token_forgets_it(run: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(TOKEN))
    run("context", "set", "prod", "--server", "http://a", "--token-stdin")
    assert TOKEN in config.read_text()
    run("context", "set", "prod", "--no-token")
    assert TOKEN not in config.read_text()


def test_a_token_file_is_kept_with_its_whole_path(
    run: Run, home: Path, showcase: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "prod.token").write_text(TOKEN)
    monkeypatch.chdir(home)
    run("context", "set", "prod", "--server", showcase.url, "--token-file", "prod.token")
    monkeypatch.chdir("/")
    assert settings(run)["token"] == ("set", str(home / "prod.token"))
    assert run("agents", "list").code == 0
    assert showcase.gate.authorization == f"Bearer {TOKEN}"


def test_only_the_owner_can_read_the_file(two: Run, config: Path) -> None:
    config.chmod(0o644)
    two("context", "use", "test")
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert list(config.parent.iterdir()) == [config]


def test_a_file_that_others_can_read_is_warned_about(run: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(TOKEN))
    run("context", "set", "prod", "--server", "http://a", "--token-stdin")
    assert "chmod" not in run("context", "show").err
    config.chmod(0o640)
    assert f"chmod 600 {config}" in run("context", "show").err
    assert f"chmod 600 {config}" in run("context", "list").err


def test_a_linked_file_stays_a_link(two: Run, config: Path, tmp_path: Path) -> None:
    config.rename(tmp_path / "real.yaml")
    config.symlink_to(tmp_path / "real.yaml")
    two("context", "use", "test")
    assert config.is_symlink()
    assert "current: test" in (tmp_path / "real.yaml").read_text()


def test_a_broken_file_is_not_overwritten(run: Run, config: Path) -> None:
    config.parent.mkdir(parents=True)
    config.write_text("contexts: [")
    ran = run("context", "set", "prod", "--server", "http://a")
    assert ran.code == ExitCode.USAGE
    assert str(config) in ran.err
    assert config.read_text() == "contexts: ["


def test_delete_needs_yes_where_nobody_can_be_asked(two: Run) -> None:
    assert two("context", "delete", "test").code == ExitCode.USAGE
    assert two("context", "delete", "test", "--yes").err.endswith("deleted context test\n")
    assert two("context", "list", "-o", "name").out == "prod\n"


def test_deleting_the_one_in_use_leaves_none(two: Run) -> None:
    assert "no context is in use now" in two("context", "delete", "prod", "-y").err
    assert settings(two)["server"] == ("http://127.0.0.1:8112", "default")


def test_files_of_tls_have_origins_too(two: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ca, own = tmp_path / "ca.pem", tmp_path / "own.pem"
    for path in (ca, own):
        path.touch()
    assert two("context", "set", "prod", "--ca-file", str(ca)).code == 0
    monkeypatch.setenv("CICTL_CLIENT_CERT", str(own))
    shown = settings(two)
    assert shown["ca_file"] == (str(ca), "context prod")
    assert shown["client_cert"] == (str(own), "CICTL_CLIENT_CERT")
    assert two("context", "set", "prod", "--ca-file", "nowhere.pem").code == ExitCode.USAGE


def test_show_names_origins(two: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_TOKEN", TOKEN)
    monkeypatch.setenv("CICTL_READONLY", "1")
    ran = two("context", "show", "--origins")
    assert [line.split(maxsplit=2) for line in ran.out.splitlines()] == [
        ["SETTING", "VALUE", "ORIGIN"],
        ["server", "https://ci.example.com", "context prod"],
        ["context", "prod", str(config)],
        ["token", "set", "CICTL_TOKEN"],
        ["protected", "false", "default"],
        ["output", "table", "default"],
        ["readonly", "true", "CICTL_READONLY"],
    ]


def test_show_without_origins_has_two_columns(two: Run) -> None:
    assert two("context", "show").out.splitlines()[1].split() == ["server", "https://ci.example.com"]


@pytest.mark.parametrize("argv", [("test",), ("te",), ("--context", "test")])
def test_show_another(two: Run, argv: tuple[str, ...]) -> None:
    assert settings(two, *argv)["server"] == ("http://ci.test:8112", "context test")
    assert settings(two, *argv)["context"] == ("test", "--context")


@pytest.fixture
def guarded(run: Run, shop: Shop) -> Run:
    """A protected context, in use, whose server is there."""
    run("context", "set", "prod", "--server", shop.url, "--protected")
    return run


def test_a_protected_context_wants_its_name(guarded: Run, shop: Shop) -> None:
    ran = guarded("projects", "delete", "shop", "--yes")
    assert (ran.code, len(shop.projects())) == (ExitCode.USAGE, 1)
    assert "--context prod --yes" in ran.err
    assert guarded("projects", "delete", "shop", "--yes", "--context", "prod").code == 0
    assert shop.projects() == []


def test_a_protected_server_is_protected_by_any_name(guarded: Run, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_SERVER_URL", f"{shop.url}/")
    assert guarded("projects", "delete", "shop", "--yes").code == ExitCode.USAGE
    assert guarded("projects", "delete", "shop", "--yes", "--server", shop.url).code == ExitCode.USAGE
    assert len(shop.projects()) == 1


def test_a_protected_context_asks_nothing_of_what_destroys_nothing(guarded: Run) -> None:
    assert guarded("agents", "refresh-tools", "build-1").code == 0


@pytest.mark.parametrize(("answer", "left"), [("prod", 0), ("y", 1), ("", 1)])
def test_a_protected_context_asks_for_its_name_on_a_terminal(
    guarded: Run, shop: Shop, home: Path, answer: str, left: int
) -> None:
    env = {**os.environ, "XDG_CONFIG_HOME": str(home / "config"), "TERM": "dumb"}
    argv = ["-m", "cictl", "projects", "delete", "shop", "--yes"]
    child = pexpect.spawn(sys.executable, argv, env=env, encoding="utf-8", timeout=60)
    child.expect_exact("context prod is protected; type its name to go on: ")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert (len(shop.projects()), child.exitstatus) == (left, left)


@pytest.mark.parametrize("command", [("agents", "deactivate", "build-1"), ("jobs", "cancel", "job-1")])
def test_a_protected_context_guards_running_work(guarded: Run, shop: Shop, command: tuple[str, ...]) -> None:
    shop.put(job("job-1"))
    ran = guarded(*command)
    assert (ran.code, "--context prod --yes" in ran.err) == (ExitCode.USAGE, True)
    assert (shop.agent("build-1").deactivated, shop.job("job-1").status) == (False, "queued")
    assert guarded(*command, "--context", "prod", "--yes").code == 0
