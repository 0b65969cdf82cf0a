"""`cictl vault`, against a real server and a real Vault."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pexpect
import pytest
from cictl_testing.screen import Screen, end
from cictl_testing.server import RunningServer
from cictl_testing.servers.openbao import SECRET_ID, VARIABLE, OpenBao
from cictl_testing.shop import VAULT, Shop

from cictl.base.job_parts import SecretRef
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.vault.diagnosis import DIAGNOSES, failure_of_test
from cictl.wire.admin.vault import VaultConnectionList
from tests.cli.conftest import Ran, Run

NEW = ("--url", "https://vault.example.com", "--role-id", "ci", "--secret-id-env", "CICTL_VAULT_PANTRY")


@pytest.fixture
def pantry(server: RunningServer, openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> RunningServer:
    """A server that has the connection `pantry`, and the secret id of it."""
    monkeypatch.setenv(VARIABLE, SECRET_ID)
    openbao.put("cli/db", password="correct-horse")
    openbao.put("locked", password="x")
    server.post("/api/v1/vault/connections", openbao.connection())
    return server


def use_in_pipelines(server: RunningServer) -> None:
    secrets = "vault: {connection: pantry, secrets: [{name: t, path: p, key: k}]}"
    server.define(f'[{{id: work, steps: [{{run: "true", env: {{T: "{{{{ secret.t }}}}"}}, {secrets}}}]}}]')


def with_login(run: Run, change: tuple[str, ...]) -> tuple[str, ...]:
    """Return the options *change* with the role and variable that the connection has, before them, so that they win."""
    [known] = run("vault", "list", "-o", "json").json()["connections"]
    return ("--role-id", known["role_id"], "--secret-id-env", known["secret_id_env"], *change)


def typing(url: str, home: Path, *argv: str) -> pexpect.spawn[str]:
    """Start the program on a terminal that is wide and dumb."""
    return Screen(url, home).start(*argv, columns=200, env={"TERM": "dumb"})


@pytest.mark.usefixtures("server")
class TestAdding:
    def test_what_is_added_is_listed(self, run: Run) -> None:
        ran = run("vault", "add", "pantry", *NEW)
        assert (ran.code, ran.out) == (0, "")
        assert ran.err == "added vault connection pantry (id 1); `cictl vault test pantry` tries it\n"
        row = run("vault", "list").out.splitlines()[1].split()
        assert row == ["1", "pantry", "https://vault.example.com", "CICTL_VAULT_PANTRY", "-"]
        assert run("vault", "list", "-o", "name").out == "pantry\n"

    def test_the_api_s_own_shapes_are_shown_as_json(self, run: Run) -> None:
        saved = run("vault", "add", "pantry", *NEW, "--kv-mount", "secret", "--kv-version", "1", "-o", "json").json()
        assert saved["connection"]["kv_default_mount"] == "secret"
        assert run("vault", "list", "-o", "json").json() == {"connections": [saved["connection"]]}
        assert "kv_default_version: 1\n" in run("vault", "list", "-o", "yaml").out

    def test_a_change_says_what_changed_and_keeps_the_rest(self, run: Run) -> None:
        run("vault", "add", "pantry", *NEW, "--namespace", "team")
        ran = run("vault", "add", "pantry", "--url", "https://other.example.com", "--namespace", "", *NEW[2:])
        assert ran.err == (
            "changed vault connection pantry (id 1): url: https://vault.example.com -> https://other.example.com; "
            "namespace: team -> none\n"
        )
        [connection] = run("vault", "list", "-o", "json").json()["connections"]
        assert (connection["role_id"], connection["url"]) == ("ci", "https://other.example.com")

    @pytest.mark.parametrize(
        ("option", "value"),
        [("--url", "https://evil.test"), ("--ca-file", "/e.pem"), ("--namespace", "e"), ("--approle-mount", "e")],
    )
    def test_another_address_needs_the_login_again(self, run: Run, option: str, value: str) -> None:
        run("vault", "add", "pantry", *NEW)
        before = run("vault", "list", "-o", "json").out
        ran = run("vault", "add", "pantry", option, value, "--role-id", "ci")
        assert (ran.code, run("vault", "list", "-o", "json").out) == (ExitCode.USAGE, before)
        assert f"another {option} sends the secret id of pantry elsewhere: give --secret-id-env again" in ran.err
        assert "try: it is --role-id ci --secret-id-env CICTL_VAULT_PANTRY now" in ran.err

    def test_the_same_again_is_fine(self, run: Run) -> None:
        run("vault", "add", "pantry", *NEW)
        ran = run("vault", "add", "pantry", *NEW)
        assert (ran.code, ran.err) == (0, "vault connection pantry is so already\n")

    def test_a_new_one_needs_three_things(self, run: Run) -> None:
        ran = run("vault", "add", "pantry", "--url", "https://vault.example.com")
        assert ran.code == ExitCode.USAGE
        assert "needs --role-id, --secret-id-env: pantry" in ran.err

    def test_a_new_one_needs_a_name(self, run: Run) -> None:
        ran = run("vault", "add", " ", "--url", "https://vault.example.test")
        assert (ran.code, ran.err) == (ExitCode.USAGE, "error: a vault connection needs a name\n")

    def test_the_server_s_refusal_is_shown(self, run: Run) -> None:
        ran = run("vault", "add", "pantry", *NEW[:-1], "GITHUB_TOKEN")
        assert ran.code == ExitCode.ERROR
        assert "secret_id_env must begin with CICTL_VAULT_" in ran.err

    def test_no_connection_at_all(self, run: Run) -> None:
        ran = run("vault", "list")
        assert (ran.code, ran.out) == (0, "")
        assert "`cictl vault add` adds one" in ran.err


class TestRemoving:
    def test_who_uses_it_is_told_and_yes_is_needed(self, run: Run, pantry: RunningServer) -> None:
        use_in_pipelines(pantry)
        ran = run("vault", "delete", "pan")
        assert ran.code == ExitCode.USAGE
        assert "jobs of shop/build will fail" in ran.err
        assert run("vault", "list", "-o", "name").out == "pantry\n"
        ran = run("vault", "delete", "pan", "--yes")
        assert (ran.code, ran.out) == (0, "")
        assert ran.err.endswith("deleted vault connection pantry (id 1)\n")
        assert run("vault", "list", "-o", "name").out == ""

    def test_the_answer_as_json(self, run: Run, pantry: RunningServer) -> None:
        use_in_pipelines(pantry)
        removed = run("vault", "delete", "1", "--yes", "-o", "json").json()
        assert removed == {"deleted": True, "id": 1, "used_by": ["shop/build"]}

    @pytest.mark.usefixtures("pantry")
    def test_one_that_is_not_there(self, run: Run) -> None:
        ran = run("vault", "delete", "pantri", "--yes")
        assert ran.code == ExitCode.NOT_FOUND
        assert "did you mean pantry?" in ran.err

    def test_on_a_terminal_it_asks(self, run: Run, pantry: RunningServer, home: Path) -> None:
        use_in_pipelines(pantry)
        child = typing(os.environ["CICTL_SERVER_URL"], home, "vault", "delete", "pantry")
        child.expect_exact("jobs of shop/build will fail")
        child.expect_exact("delete vault connection pantry? [y/N] ")
        child.sendline("n")
        assert end(child) == ExitCode.ERROR
        assert run("vault", "list", "-o", "name").out == "pantry\n"


class TestTrying:
    @pytest.mark.usefixtures("pantry")
    @pytest.mark.parametrize("name", ["pantry", "pa", "1"])
    def test_the_login(self, run: Run, name: str) -> None:
        ran = run("vault", "test", name)
        assert (ran.code, ran.out, ran.err) == (0, "", "pantry: the login works\n")

    @pytest.mark.usefixtures("pantry")
    def test_a_secret_is_read_and_not_shown(self, run: Run) -> None:
        ran = run("vault", "test", "pantry", "--secret", "cli/db", "--key", "password", "--debug")
        assert ran.code == 0
        assert ran.err.endswith("pantry: the login works; password of cli/db can be read\n")
        assert "correct-horse" not in ran.out + ran.err

    @pytest.mark.usefixtures("pantry")
    def test_as_json(self, run: Run) -> None:
        assert run("vault", "test", "pantry", "-o", "json").json() == {"ok": True, "message": "vault auth ok"}

    @pytest.mark.usefixtures("pantry")
    def test_a_failure_as_json(self, run: Run) -> None:
        ran = run("vault", "test", "pantry", "--secret", "cli/db", "--key", "pw", "-o", "json")
        assert ran.code == ExitCode.ERROR
        assert ran.json() == {"ok": False, "message": 'key "pw" not found at cli/db'}
        error = json.loads(ran.err.splitlines()[-1])["error"]
        assert (error["code"], error["hint"][:12]) == ("vault_no_key", "`vault kv ge")

    @pytest.mark.usefixtures("pantry")
    @pytest.mark.parametrize(
        ("change", "argv", "said"),
        [
            pytest.param(("--role-id", "nobody"), (), "does not know the role id", id="wrong role"),
            pytest.param(("--approle-mount", "other"), (), "no AppRole at other", id="wrong mount of AppRole"),
            pytest.param(("--namespace", "team"), (), "no namespace team", id="wrong namespace"),
            pytest.param(("--url", "http://127.0.0.1:1"), (), "can't reach http://127.0.0.1:1", id="unreachable"),
            pytest.param(("--url", "http://no.invalid"), (), "can't find the host", id="unknown host"),
            pytest.param(
                ("--ca-file", "/no/ca.pem", "--url", "https://127.0.0.1:1"), (), "/no/ca.pem", id="no CA file"
            ),
            pytest.param(("--secret-id-env", "CICTL_VAULT_NONE"), (), "has no CICTL_VAULT_NONE", id="no secret id"),
            pytest.param((), ("--secret", "cli/none", "--key", "k"), "no secret cli/none at mount kv", id="wrong path"),
            pytest.param((), ("--secret", "cli/db", "--key", "k"), "but has no key k", id="missing key"),
            pytest.param((), ("--secret", "locked", "--key", "k"), "may not read locked", id="no permission"),
            pytest.param(
                (),
                ("--secret", "cli/db", "--key", "k", "--mount", "kv1", "--kv-version", "1"),
                "no secret cli/db at mount kv1",
                id="other mount",
            ),
        ],
    )
    def test_each_failure_says_what_to_do(
        self, run: Run, change: tuple[str, ...], argv: tuple[str, ...], said: str
    ) -> None:
        if change:
            assert run("vault", "add", "pantry", *with_login(run, change)).code == 0
        ran = run("vault", "test", "pantry", *argv)
        assert (ran.code, ran.out) == (ExitCode.ERROR, "")
        first, second = ran.err.splitlines()
        assert said in first
        assert second.startswith("try: ")

    def test_a_vault_that_speaks_no_tls(self, run: Run, pantry: RunningServer, openbao: OpenBao) -> None:
        run("vault", "add", "pantry", *with_login(run, ("--url", openbao.url.replace("http:", "https:"))))
        assert "no TLS connection to https://127.0.0.1" in run("vault", "test", "pantry").err

    @pytest.mark.parametrize("argv", [("--key", "k"), ("--secret", "s"), ("--mount", "m"), ("--kv-version", "1")])
    def test_options_that_need_each_other(self, cli: Run, shop: Shop, argv: tuple[str, ...]) -> None:
        assert cli("vault", "test", "pantry", *argv).code == ExitCode.USAGE
        assert shop.gate.requests == []


class TestAnotherSecretId:
    """The server's own is wrong here; only the one that is tried can work."""

    @pytest.fixture(autouse=True)
    def wrong(self, pantry: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(VARIABLE, "wrong")

    def test_without_one_it_fails(self, run: Run) -> None:
        ran = run("vault", "test", "pantry")
        assert ran.code == ExitCode.ERROR
        assert "the secret id does not belong to it" in ran.err

    def test_from_a_file(self, run: Run, home: Path) -> None:
        (home / "id").write_text(f"{SECRET_ID}\n")
        assert run("vault", "test", "pantry", "--secret-id-file", str(home / "id")).code == 0

    def test_from_standard_input(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{SECRET_ID}\n"))
        assert run("vault", "test", "pantry", "--secret-id-stdin").code == 0

    def test_from_a_variable_here(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NEW_ID", SECRET_ID)
        assert run("vault", "test", "pantry", "--secret-id-var", "NEW_ID").code == 0

    @pytest.mark.parametrize(
        ("argv", "said"),
        [
            (("--secret-id-file", "none"), "none: No such file"),
            (("--secret-id-var", "NO_SUCH"), "no secret id came from the variable NO_SUCH"),
            (("--secret-id-var", "X", "--secret-id-stdin"), "exclude each other"),
            (("--ask-secret-id",), "needs a terminal"),
        ],
    )
    def test_what_brings_none_is_wrong_usage(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...], said: str
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        ran = run("vault", "test", "pantry", *argv)
        assert ran.code == ExitCode.USAGE
        assert said in ran.err

    def test_on_a_terminal_it_is_typed_unseen(self, server: RunningServer, home: Path) -> None:
        assert server.store
        child = typing(os.environ["CICTL_SERVER_URL"], home, "vault", "test", "pantry", "--ask-secret-id")
        child.expect_exact("secret id (not shown): ")
        child.sendline(SECRET_ID)
        assert (end(child), str(child.before).strip()) == (0, "pantry: the login works")

    def test_on_a_terminal_that_ends_nothing_came(self, showcase: Shop, home: Path) -> None:
        child = typing(showcase.url, home, "vault", "test", "pantry", "--ask-secret-id")
        child.expect_exact("secret id (not shown): ")
        child.sendeof()
        assert (end(child), str(child.before).strip()) == (ExitCode.USAGE, "error: no secret id came from the terminal")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('vault login failed: status=503 body={"errors":["Vault is sealed"]}', "vault_sealed"),
        ('vault login failed: status=400 body={"errors":["invalid role ID"]}', "vault_wrong_role"),
        ('vault login failed: status=400 body={"errors":["failed to validate: invalid role_id"]}', "vault_wrong_role"),
        ('vault login failed: status=400 body={"errors":["invalid secret id"]}', "vault_wrong_secret_id"),
        (
            "vault login failed: status=400 body=Client sent an HTTP request to an HTTPS server.",
            "vault_needs_https",
        ),
        ('vault login failed: status=404 body={"errors":[]}', "vault_not_there"),
        ("create vault request: https://v is not a Vault address that this server allows", "vault_not_allowed"),
        ("vault read response has no data", "vault_no_secret"),
        ('key "k" is null', "vault_unusable_value"),
        ("send vault request: self-signed certificate in certificate chain", "vault_untrusted"),
        ("send vault request: Hostname mismatch, certificate is not valid for 'v'", "vault_untrusted"),
        ("send vault request: no answer in time", "vault_timeout"),
        ("send vault request: Connection reset by peer", "vault_unreachable"),
        ("vault login failed: status=429 body=", "vault_busy"),
        ("vault login failed: status=307 body=", "vault_redirects"),
        ("vault read failed: status=500 body=x", "vault_failing"),
        ("decode vault login response: Expected `object`", "vault_failed"),
    ],
)
def test_diagnoses_of_what_is_hard_to_bring_about(message: str, code: str) -> None:
    failure = failure_of_test(message, connection=VAULT, secret=None)
    assert (failure.code, failure.exit_code) == (code, ExitCode.ERROR)
    assert message in failure.message


def test_every_diagnosis_has_a_hint_with_all_its_words_filled_in() -> None:
    secret = SecretRef(path="p", key="k")
    for diagnosis in DIAGNOSES:
        failure = failure_of_test(sample(diagnosis.pattern), connection=VAULT, secret=secret)
        assert failure.hint
        assert "{" not in failure.hint + failure.message


def sample(pattern: str) -> str:
    """Return a text that a pattern of the table fits: its first alternative, with blanks for what it leaves open."""
    return pattern.split("|")[0].replace(r"\d\d", "00").replace(".*", "").strip("(")


def test_names_are_completed(shown: Run, showcase: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from cictl.cli.completion.candidates import names_in_time

    env: dict[str, Any] = {**os.environ, "CICTL_COMPLETION_SECONDS": "30"}
    words = ["cictl", "vault", "test", "pa"]
    assert names_in_time("vault-connections", words, env) == [("pantry", "https://vault.example.com")]


def test_readers_of_a_pipe_get_plain_rows(shown: Run, showcase: Shop) -> None:
    used = msgspec.structs.replace(VAULT, used_by=["shop/build", "shop/deploy"])
    showcase.gate.answer("GET /api/v1/vault/connections", VaultConnectionList(connections=[used]))
    ran: Ran = shown("vault", "list", "-o", "wide")
    assert "\x1b" not in ran.out
    assert ran.out.splitlines()[1].split()[-6:] == ["ci", "approle", "-", "-", "2", "-"]
    assert "shop/build, shop/deploy" in ran.out
