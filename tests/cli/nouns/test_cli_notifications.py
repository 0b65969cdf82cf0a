"""`cictl notifications`: what was sent, what waits, why it failed, and a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cictl_testing.notifications.hooks import HookReceiver, receiving
from cictl_testing.notifications.telling import define_telling, deliver, webhook
from cictl_testing.notifications.telling import run as run_build
from cictl_testing.server import RunningServer

from cictl.cli.app.exit_codes import ExitCode
from tests.cli.conftest import Run


@pytest.fixture
def receiver(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[HookReceiver]:
    monkeypatch.setenv("CICTL_NOTIFY_CHAT", "key")
    with receiving(b"key") as receiver:
        yield receiver


@pytest.fixture
def telling(server: RunningServer, receiver: HookReceiver) -> RunningServer:
    """A server with one notification that arrived and one that waits after a failure."""
    build = define_telling(server, webhook(f"{receiver.url}/chat", "broken, fixed"))
    run_build(server, build, "failed")
    deliver(server)
    run_build(server, build, "succeeded")
    receiver.answer_with("/chat", 500)
    deliver(server)
    return server


def test_nothing_was_sent(run: Run, server: RunningServer) -> None:
    ran = run("notifications", "list")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "there are no notifications; `notify` of a project file asks for them\n"


def test_the_list_tells_what_waits_and_why(run: Run, telling: RunningServer, receiver: HookReceiver) -> None:
    lines = run("notifications", "list").out.splitlines()
    assert lines[0].split() == [
        "ID",
        "STATE",
        "TYPE",
        "RUN",
        "PIPELINE",
        "BRANCH",
        "TARGET",
        "ATTEMPTS",
        "CREATED",
        "ERROR",
    ]
    assert [line.split()[:5] for line in lines[1:3]] == [
        ["2", "waiting", "fixed", "2", "shop/build"],
        ["1", "delivered", "broken", "1", "shop/build"],
    ]
    [found] = run("notifications", "list", "--project", "shop", "--state", "waiting", "-o", "json").json()[
        "notifications"
    ]
    assert (found["id"], found["error"], found["target"]) == (2, "it answered 500", f"{receiver.url}/chat")
    assert run("notifications", "list", "--state", "lost").code == ExitCode.USAGE


def test_a_test_tells_how_each_target_took_it(run: Run, telling: RunningServer, receiver: HookReceiver) -> None:
    ran = run("notifications", "test", "shop")
    assert (ran.code, ran.out.splitlines()[1].split()) == (0, [f"{receiver.url}/chat", "yes", "-"])
    assert receiver.messages[-1]["type"] == "test"
    receiver.answer_with("/chat", 404)
    ran = run("notifications", "test", "shop", "-o", "json")
    [result] = ran.json()["results"]
    assert (ran.code, result["delivered"], result["error"]) == (ExitCode.ERROR, False, "it answered 404")


def test_a_project_that_tells_nobody_has_nothing_to_test(run: Run, server: RunningServer) -> None:
    server.define("[{id: work, steps: [{run: x}]}]")
    ran = run("notifications", "test", "shop")
    assert ran.code == ExitCode.CONFLICT
    assert ran.err.startswith("error: the project tells nobody (server ")
