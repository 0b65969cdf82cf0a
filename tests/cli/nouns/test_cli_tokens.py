"""Tokens on the command line: making them, logging in with one, and what a server that wants one is told."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.shop import Shop

from cictl.cli.app.contexts import read_contexts
from cictl.cli.app.exit_codes import ExitCode
from tests.cli.conftest import Ran, Run


@pytest.fixture
def admin(shop: Shop) -> str:
    return shop.server.token("admin", name="root")


@pytest.fixture
def as_(cli: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Runs the program with a token: `as_(secret, "jobs", "list")`."""

    def run(secret: str, *argv: str) -> Ran:
        monkeypatch.setenv("CICTL_TOKEN", secret)
        return cli(*argv)

    return run


def test_the_first_token_is_an_admins_and_closes_the_server(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("tokens", "create", "anna", "--role", "viewer").code == ExitCode.CONFLICT
    made = cli("tokens", "create", "anna", "--role", "admin")
    assert made.code == 0
    assert made.err == "made token anna (id 1, role admin); it is shown this once\n"
    refused = cli("jobs", "list")
    assert refused.code == ExitCode.NOT_ALLOWED
    assert "this server wants a token" in refused.err
    assert "\ntry: log in with `cictl login http://127.0.0.1:" in refused.err
    monkeypatch.setenv("CICTL_TOKEN", made.out.strip())
    assert cli("jobs", "list").code == 0


def test_only_the_secret_is_on_stdout(as_: Callable[..., Ran], admin: str) -> None:
    made = as_(admin, "tokens", "create", "anna", "--role", "operator", "--project", "shop", "--ttl", "90d")
    assert made.out.startswith("cictl_u_")
    assert made.out.count("\n") == 1
    assert made.out.strip() not in made.err
    data = as_(admin, "tokens", "create", "ben", "--role", "agent", "--agent", "b-1", "-o", "json").json()
    assert data["token"].startswith("cictl_a_")
    listed = as_(admin, "tokens", "list")
    assert made.out.strip() not in listed.out
    assert [line.split()[1:5] for line in listed.out.splitlines()[1:]] == [
        ["root", "admin", "-", "-"],
        ["anna", "operator", "-", "shop"],
        ["ben", "agent", "b-1", "-"],
    ]


def test_a_role_that_is_too_weak_is_told_with_the_one_that_is_needed(
    as_: Callable[..., Ran], admin: str, shop: Shop
) -> None:
    viewer = shop.server.token("viewer", name="anna")
    refused = as_(viewer, "run", "shop/build")
    assert refused.code == ExitCode.NOT_ALLOWED, admin
    assert "this needs the role operator; the token anna has the role viewer" in refused.err
    assert "try: `cictl whoami`" in refused.err


def test_what_a_bound_token_does_not_reach_is_not_there(as_: Callable[..., Ran], admin: str, shop: Shop) -> None:
    other = shop.server.token("operator", name="other", projects=["other"])
    assert as_(other, "projects", "list", "-o", "json").json() == {"projects": []}
    assert as_(other, "run", "shop/build").code == ExitCode.NOT_FOUND, admin


def test_whoami(as_: Callable[..., Ran], admin: str, shop: Shop) -> None:
    assert "Token:   root\n" in as_(admin, "whoami").out
    assert as_(admin, "whoami", "-o", "json").json() == {
        "authentication": True,
        "role": "admin",
        "id": 1,
        "name": "root",
    }
    assert as_("wrong", "whoami").code == ExitCode.NOT_ALLOWED
    assert shop.url


def test_revoking_and_rotating(as_: Callable[..., Ran], admin: str, shop: Shop) -> None:
    anna = shop.server.token("viewer", name="anna")
    rotated = as_(admin, "tokens", "rotate", "an").out.strip()
    assert as_(anna, "jobs", "list").code == ExitCode.NOT_ALLOWED
    assert as_(rotated, "jobs", "list").code == 0
    assert as_(admin, "tokens", "revoke", "anna").code == ExitCode.USAGE, "nobody can be asked"
    assert as_(rotated, "jobs", "list").code == 0
    done = as_(admin, "tokens", "revoke", "2", "--yes")
    assert (done.code, "revoked token anna (id 2)" in done.err) == (0, True)
    assert as_(rotated, "jobs", "list").code == ExitCode.NOT_ALLOWED
    assert as_(admin, "tokens", "revoke", "nobody", "--yes").code == ExitCode.NOT_FOUND


@pytest.mark.parametrize("ttl", ["", "1", "1y", "-1h", "h"])
def test_a_bad_duration_is_a_usage_error(as_: Callable[..., Ran], admin: str, ttl: str) -> None:
    ran = as_(admin, "tokens", "create", "x", "--role", "viewer", f"--ttl={ttl}")
    assert (ran.code, "--ttl" in ran.err) == ((ExitCode.OK, False) if not ttl else (ExitCode.USAGE, True))


def test_an_enrolment_token_is_made(as_: Callable[..., Ran], admin: str) -> None:
    made = as_(admin, "agents", "enroll", "--uses", "3", "--ttl", "1h")
    assert made.out.startswith("cictl_e_")
    assert "for 3 agents" in made.err
    [_, token] = as_(admin, "tokens", "list", "-o", "json").json()["tokens"]
    assert (token["role"], token["uses_left"]) == ("enrolment", 3)


class TestLogin:
    @pytest.fixture
    def file(self, tmp_path: Path, admin: str) -> Path:
        (tmp_path / "admin.token").write_text(f"{admin}\n")
        return tmp_path / "admin.token"

    def test_the_token_is_kept_and_the_server_used(self, run: Run, shop: Shop, file: Path, home: Path) -> None:
        done = run("login", shop.url, "--token-file", str(file))
        assert (done.code, done.out) == (0, "")
        assert done.err == f"logged in to {shop.url} as root (role admin); context 127.0.0.1 is in use\n"
        file.unlink()
        assert run("jobs", "list").code == 0
        kept = home / "config" / "cictl" / "config.yaml"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        out = run("logout")
        assert (out.code, "context 127.0.0.1 has no token any more" in out.err) == (0, True)
        assert "cictl_u_" not in kept.read_text()
        assert run("jobs", "list").code == ExitCode.NOT_ALLOWED
        assert "nothing to forget" in run("logout").err

    def test_the_context_of_the_server_gets_the_token(self, run: Run, shop: Shop, file: Path, home: Path) -> None:
        run("context", "set", "prod", "--server", shop.url, "--protected")
        run("context", "set", "127.0.0.1", "--server", "http://127.0.0.1:9", "--use")
        assert run("login", shop.url + "/", "--token-file", str(file)).code == 0
        contexts = read_contexts({"XDG_CONFIG_HOME": str(home / "config")})
        assert (contexts.current, contexts.contexts["prod"].protected) == ("prod", True)
        assert contexts.contexts["prod"].token
        assert set(contexts.contexts) == {"prod", "127.0.0.1"}

    def test_a_name_that_is_taken_gets_the_port(self, run: Run, shop: Shop, file: Path, home: Path) -> None:
        run("context", "set", "127.0.0.1", "--server", "http://127.0.0.1:9")
        assert run("login", shop.url, "--token-file", str(file)).code == 0
        port = shop.url.rpartition(":")[2]
        assert read_contexts({"XDG_CONFIG_HOME": str(home / "config")}).current == f"127.0.0.1-{port}"

    def test_the_token_comes_from_a_pipe(
        self, run: Run, shop: Shop, admin: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{admin}\n"))
        assert run("login", shop.url).code == 0
        monkeypatch.setattr("sys.stdin", io.StringIO(""))
        assert run("login", shop.url).code == ExitCode.USAGE

    def test_a_wrong_token_is_not_kept(self, run: Run, shop: Shop, file: Path, home: Path) -> None:
        file.write_text("cictl_u_wrong")
        refused = run("login", shop.url, "--token-file", str(file))
        assert refused.code == ExitCode.NOT_ALLOWED
        assert "cictl_u_wrong" not in refused.err
        assert not (home / "config" / "cictl").exists()

    def test_a_server_that_asks_nobody_is_no_place_to_log_in(self, run: Run, server: RunningServer, home: Path) -> None:
        (home / "t").write_text("x")
        refused = run("login", os.environ["CICTL_SERVER_URL"], "--token-file", str(home / "t"))
        assert refused.code == ExitCode.CONFLICT, server
        assert "asks nobody for a token" in refused.err


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    RunningServer(tmp_path / "stopped").close()
    return tmp_path / "stopped"


def test_the_directory_of_a_stopped_server_gets_a_token(run: Run, stopped: Path) -> None:
    made = run("tokens", "create", "rescue", "--role", "admin", "--data-dir", str(stopped))
    assert made.code == 0, made.err
    server = RunningServer(stopped)
    assert server.ask("GET", "/api/v1/whoami", made.out.strip()).json["name"] == "rescue"
    in_use = run("tokens", "create", "more", "--role", "admin", "--data-dir", str(stopped))
    server.close()
    assert (in_use.code, in_use.out) == (ExitCode.CONFLICT, "")
    assert "in use by another server" in in_use.err


def test_a_directory_without_data_stays_as_it_is(run: Run, tmp_path: Path) -> None:
    assert (
        run("tokens", "create", "x", "--role", "admin", "--data-dir", str(tmp_path / "no")).code == ExitCode.NOT_FOUND
    )
    assert not (tmp_path / "no").exists()


def test_a_backup_leaves_the_first_token_out(run: Run, stopped: Path, tmp_path: Path) -> None:
    (stopped / "admin.token").write_text("cictl_u_x")
    assert run("store", "backup", str(tmp_path / "backup"), "--data-dir", str(stopped)).code == 0
    assert (tmp_path / "backup").is_dir()
    assert not (tmp_path / "backup" / "admin.token").exists()
