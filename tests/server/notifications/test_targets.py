"""Where messages may go, with which key, and which programs may be told."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import msgspec
import pytest
from cictl_testing.notifications.hooks import HookReceiver, receiving
from cictl_testing.notifications.telling import define_telling, deliver, notifications, run, webhook
from cictl_testing.server import RunningServer

from cictl_server.services.notifications import NotificationSettings
from cictl_server.services.notifications.signing import key_of, signature


def error_of(server: RunningServer, *entries: str) -> str:
    """Let one run tell, and return why that failed; empty if it did not."""
    run(server, define_telling(server, *entries), "failed")
    deliver(server)
    return notifications(server)[-1].error


def test_the_signature_is_that_of_the_standard() -> None:
    # As in the tests of the libraries of Standard Webhooks.
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    found = signature(key, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, body=body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_key_in_base64_is_its_bytes(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_NOTIFY_CHAT", "whsec_" + base64.b64encode(b"\0binary\xff").decode() + "\n")
    with receiving(b"\0binary\xff") as receiver:
        assert error_of(server, webhook(receiver.url)) == ""


@pytest.mark.parametrize("secrets", [["of all"], ["of all", "its own"]])
def test_a_secret_of_the_project_wins_over_one_of_all_and_that_over_the_environment(
    server: RunningServer, secrets: list[str]
) -> None:
    with receiving(secrets[-1].encode()) as receiver:
        build = define_telling(server, webhook(receiver.url))
        for value, project in zip(secrets, ["", "shop"], strict=False):
            answer = server.post("/api/v1/secrets", {"name": "CICTL_NOTIFY_CHAT", "value": value, "project": project})
            assert answer.status_code == 201
        run(server, build, "failed")
        deliver(server)
        assert len(receiver.messages) == 1


@pytest.mark.parametrize(
    ("value", "error"),
    [
        pytest.param("", "secret CICTL_NOTIFY_CHAT is not set; `cictl secrets set CICTL_NOTIFY_CHAT` sets it, or a variable "
                     "of the server", id="unset"),
        pytest.param("whsec_%", "secret CICTL_NOTIFY_CHAT can't be used: what follows whsec_ is no base64", id="bad"),
    ],
)  # fmt: skip
def test_without_a_key_nothing_is_sent(
    server: RunningServer, receiver: HookReceiver, monkeypatch: pytest.MonkeyPatch, value: str, error: str
) -> None:
    monkeypatch.setenv("CICTL_NOTIFY_CHAT", value)
    assert error_of(server, webhook(receiver.url)) == error
    assert receiver.tried == {}


def test_a_secret_for_other_branches_is_not_used(server: RunningServer, receiver: HookReceiver) -> None:
    server.post("/api/v1/secrets", {"name": "CICTL_NOTIFY_CHAT", "value": "x", "branches": ["release/*"]})
    assert "is for branch release/* only, and this run builds branch main" in error_of(server, webhook(receiver.url))
    assert receiver.tried == {}


def test_redirects_are_not_followed(server: RunningServer, receiver: HookReceiver) -> None:
    receiver.answer_with("/", 307, Location=f"{receiver.url}/elsewhere")
    assert error_of(server, webhook(receiver.url)) == "it answered 307"
    assert list(receiver.tried) == ["/"]


class TestWithoutAllowHttpTargets:
    @pytest.fixture
    def server(self, server: RunningServer) -> RunningServer:
        server.restart_with(notification_settings=NotificationSettings())
        return server

    def test_a_target_needs_tls(self, server: RunningServer, receiver: HookReceiver) -> None:
        found = error_of(server, webhook(receiver.url))
        assert found == "it is asked without TLS; `cictl serve --allow-http-targets` allows that"
        assert receiver.tried == {}

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
    def test_a_target_is_on_another_machine(self, server: RunningServer, receiver: HookReceiver, host: str) -> None:
        port = receiver.url.rpartition(":")[2]
        found = error_of(server, webhook(f"https://{host}:{port}"))
        assert found == "it is on the machine of the server; `cictl serve --allow-http-targets` allows that"
        assert receiver.tried == {}


class TestCommands:
    @pytest.fixture
    def program(self, server: RunningServer, tmp_path: Path) -> Path:
        """A program called `mail` that writes down its environment."""
        program = tmp_path / "mail"
        program.write_text(f"#!/bin/sh\nenv > {tmp_path}/told\nexit $(cat {tmp_path}/code 2>/dev/null || echo 0)\n")
        program.chmod(0o755)
        server.restart_with(notification_settings=NotificationSettings(commands={"mail": program}))
        return program

    def test_it_gets_the_message_and_nothing_of_the_servers_secrets(
        self, server: RunningServer, program: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CICTL_VAULT_SECRET", "hunter2")
        assert error_of(server, "{on: [broken], command: mail}") == ""
        told = dict(line.split("=", 1) for line in (program.parent / "told").read_text().splitlines())
        message = msgspec.json.decode(told["CICTL_NOTIFICATION"])
        assert (message["type"], message["run"]) == ("broken", 1)
        [found] = notifications(server)
        assert (found.target, found.state, told["CICTL_NOTIFICATION_ID"]) == (
            "command mail",
            "delivered",
            found.message_id,
        )
        assert "hunter2" not in told.values()
        assert told["PATH"] == os.environ["PATH"]

    def test_one_that_fails_is_run_again(self, server: RunningServer, program: Path) -> None:
        (program.parent / "code").write_text("3")
        assert error_of(server, "{on: [broken], command: mail}") == "it ended with code 3"
        (program.parent / "code").unlink()
        server.clock.step(2)
        deliver(server)
        assert notifications(server)[0].state == "delivered"

    def test_one_that_takes_too_long_is_ended(
        self, server: RunningServer, program: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("cictl_server.services.notifications.commands.COMMAND_SECONDS", 0.1)
        program.write_text("#!/bin/sh\nsleep 1000\n")
        assert error_of(server, "{on: [broken], command: mail}").endswith("s, and was ended")

    def test_only_what_the_operator_allows_is_run(self, server: RunningServer, program: Path) -> None:
        for command in ("post", str(program)):
            found = error_of(server, f"{{on: [broken], command: '{command}'}}")
            assert found == f"this server allows no such command; `cictl serve --notify-command {command}=PATH` does"
        assert not (program.parent / "told").exists()
