"""`cictl update` and `cictl server`, against a server in an installation of stubs."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.installs.updatable import CURRENT, NEW, OLD, Updatable
from cictl_testing.processes import eventually
from cictl_testing.servers.threads import ThreadedServer

from cictl.cli.app.exit_codes import ExitCode
from cictl.installation import manifest
from cictl.installation.capability import DEV, NO_SERVICE, PIPX, UNMANAGED, UV_TOOL, Capability
from cictl.installation.manifest import Status
from cictl_client import Client, Unreachable
from cictl_server.app import create_app
from tests.cli.conftest import Run


@pytest.fixture
def asked() -> list[str]:
    """The paths of all requests."""
    return []


@pytest.fixture
def turn() -> threading.Lock:
    """Held while a request is handled: whoever restarts the server takes it, as a server ends its requests before it leaves."""
    return threading.Lock()


@pytest.fixture
def it(
    tmp_path: Path, run: Run, asked: list[str], turn: threading.Lock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Updatable]:
    """A server on a port, which stays the same through its restarts; `run` calls it."""
    made = Updatable.create(tmp_path)

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        asked.append(environ["PATH_INFO"])
        with turn:
            answer: Iterable[bytes] = create_app(made.server.services)(environ, start)
        return answer

    http = ThreadedServer(app)
    monkeypatch.setenv("CICTL_SERVER_URL", http.url)
    yield made
    http.stop()
    made.close()


@pytest.fixture
def updater(it: Updatable, turn: threading.Lock) -> Iterator[Callable[[Status, str], None]]:
    """Lets an updater wait for a request and end it so."""
    threads: list[threading.Thread] = []

    def work(status: Status, message: str) -> None:
        eventually(lambda: manifest.find_pending(it.layout), what="the request")
        with turn:
            it.finish(status, message)

    def start(status: Status, message: str) -> None:
        threads.append(threading.Thread(target=work, args=(status, message)))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join()


Updater = Callable[[Status, str], None]


def test_what_a_check_finds(it: Updatable, run: Run) -> None:
    ran = run("update", "check")
    assert ran.code == 0
    assert "Latest:            v1.2.0" in ran.out
    assert "`cictl update apply` installs it" in ran.err
    assert run("update", "check", "-o", "json").json()["update_available"] is True
    assert run("update", "check", "-o", "name").out == f"{NEW}\n"


def test_a_check_that_finds_nothing_out_is_no_success(it: Updatable, run: Run) -> None:
    it.releases.close()
    ran = run("update", "check", "-o", "json")
    assert ran.code == ExitCode.ERROR
    assert ran.json()["update_available"] is False
    assert ran.error()["message"].startswith("the server could not look for releases: request latest release: ")


def test_versions_and_where_they_are(it: Updatable, run: Run) -> None:
    ran = run("update", "tags")
    assert [line.split() for line in ran.out.splitlines()] == [
        ["VERSION", "HERE"],
        [NEW, "-"],
        [CURRENT, "runs"],
        [OLD, "installed"],
    ]
    assert run("update", "tags", "-o", "json").json() == {"tags": [NEW, CURRENT, OLD], "current_version": CURRENT}


def test_status(it: Updatable, run: Run) -> None:
    ran = run("update", "status")
    assert "Can update itself:" in ran.out
    assert run("update", "status", "-o", "json").json()["status"]["update_rollback_versions"] == OLD
    assert run("update", "status", "--query", "status.update_phase").out == '"idle"\n'


def test_status_after_a_failure_tells_why_and_what_to_do(it: Updatable, run: Run) -> None:
    text = f"update to {NEW} failed health check; rolled back to {CURRENT}"
    it.apply()
    it.finish("failed", text)
    run("update", "check")
    ran = run("update", "status")
    told = dict(re.findall(r"^(.+?): +(.+)$", ran.out, re.MULTILINE))
    assert (told["Last update"], told["Outcome"]) == ("failed", text)
    assert ran.err.startswith(f"{CURRENT} serves; mend what the message and the server's log")
    it.capability = Capability("standalone", False, PIPX, None)
    assert run("update", "status").err == ""


def test_an_order_that_never_arrived_is_no_success(it: Updatable, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An update before it was one."""
    it.apply()
    it.finish("success", f"update successful: {NEW}")

    def lose(*_: object) -> None:
        raise Unreachable("http://ci", "it broke")

    monkeypatch.setattr(Client, "rollback_update", lose)
    ran = run("update", "rollback", "--yes", "-o", "json")
    assert ran.code == ExitCode.UNREACHABLE
    assert ran.error()["message"].startswith("cannot reach http://ci: it broke")


def test_an_update_is_followed_to_its_end(it: Updatable, run: Run, updater: Updater) -> None:
    it.server.enqueue()
    it.server.running()
    updater("success", f"update successful: {NEW}")
    ran = run("update", "apply", "--yes", "-o", "json")
    assert ran.code == 0
    assert (ran.json()["updated"], ran.json()["target_version"]) == (True, NEW)
    lines = ran.err.splitlines()
    assert lines[0] == f"this replaces {CURRENT} with {NEW}; the server restarts, 1 running job will go on"
    assert lines[-1] == f"update successful: {NEW}"


def test_an_update_that_is_taken_back_is_a_failure(it: Updatable, run: Run, updater: Updater) -> None:
    text = f"update to {NEW} failed health check; rolled back to {CURRENT}"
    updater("failed", text)
    ran = run("update", "apply", "--version", "1.2.0", "--yes", "-o", "json")
    assert (ran.code, ran.out) == (ExitCode.ERROR, "")
    assert (ran.error()["code"], ran.error()["message"]) == ("update_failed", text)
    assert "`cictl update apply` again" in ran.error()["hint"]


def test_a_rollback_goes_to_the_version_before(it: Updatable, run: Run, updater: Updater) -> None:
    updater("success", f"update successful: {OLD}")
    ran = run("update", "rollback", "--yes")
    assert ran.code == 0
    assert f"this replaces {CURRENT} with {OLD}; the server restarts, no job is running" in ran.err
    assert it.layout.current() == OLD


def test_without_a_version_before_there_is_no_rollback(it: Updatable, run: Run) -> None:
    (it.layout.home / "previous").unlink()
    ran = run("update", "rollback", "--yes")
    assert ran.code == ExitCode.USAGE
    assert "cictl update tags" in ran.err


def test_to_be_up_to_date_is_success(it: Updatable, run: Run) -> None:
    ran = run("update", "apply", "--version", CURRENT, "--yes")
    assert (ran.code, ran.err.splitlines()[-1]) == (0, "already up to date")


def test_where_nothing_is_newer_nobody_is_asked(it: Updatable, run: Run) -> None:
    it.restart_as(NEW)
    ran = run("update", "apply")
    assert (ran.code, ran.err.splitlines()[-1]) == (0, "already up to date")


def test_one_need_not_wait(it: Updatable, run: Run) -> None:
    ran = run("update", "apply", "--yes", "--no-wait")
    assert (ran.code, ran.err.splitlines()[-1]) == (0, "staged update and triggered linux updater")


def test_a_wait_that_is_too_long(it: Updatable, run: Run) -> None:
    ran = run("update", "apply", "--yes", "--timeout", "0", "-o", "json")
    assert ran.code == ExitCode.TIMED_OUT
    assert ran.error()["hint"] == "`cictl update status` tells how it stands"
    assert manifest.find_pending(it.layout), "it goes on"


def test_a_long_staging_is_followed_too(it: Updatable, run: Run, asked: list[str], updater: Updater) -> None:
    """The server answers before it has downloaded everything."""
    it.change_tools(apply_wait=timedelta(0))
    it.releases.gate.clear()
    updater("success", f"update successful: {NEW}")

    def release() -> None:
        eventually(lambda: any("/assets/" in path for path in it.releases.paths()), what="the download")
        before = len(asked)
        eventually(lambda: asked[before:].count("/api/v1/update/status") > 1, what="looks at the status")
        it.releases.gate.set()

    thread = threading.Thread(target=release)
    thread.start()
    ran = run("update", "apply", "--yes")
    thread.join()
    assert ran.code == 0
    assert "downloading the release" in ran.err


@pytest.mark.parametrize("reason", [DEV, PIPX, UV_TOOL, NO_SERVICE, UNMANAGED])
@pytest.mark.parametrize("verb", ["apply", "rollback"])
def test_an_installation_that_cannot_update_itself_says_why(it: Updatable, run: Run, verb: str, reason: str) -> None:
    it.capability = Capability("standalone", False, reason, None)
    ran = run("update", verb, "--yes", "-o", "json")
    assert ran.code == ExitCode.CONFLICT
    assert (ran.error()["code"], ran.error()["message"], ran.error()["status"]) == ("update_unavailable", reason, 400)


def test_another_update_in_progress(it: Updatable, run: Run) -> None:
    it.apply()
    for argv in (("update", "apply"), ("update", "rollback"), ("server", "restart")):
        ran = run(*argv, "--yes", "-o", "json")
        assert (ran.code, ran.error()["message"].partition(" (")[0]) == (
            ExitCode.CONFLICT,
            "update already in progress",
        )


def test_a_release_that_is_not_whole(it: Updatable, run: Run) -> None:
    it.releases.publish("v1.3.0", {"other.zip": b""})
    ran = run("update", "apply", "--yes")
    assert ran.code == ExitCode.ERROR
    assert 'latest release has no compatible asset "cictl-1.3.0-py3-none-any.whl"' in ran.err


@pytest.mark.parametrize("argv", [("apply", "--version", "latest"), ("apply", "--version", "v1.2"), ("rollback", "x")])
def test_what_is_no_version(it: Updatable, run: Run, argv: tuple[str, ...]) -> None:
    ran = run("update", *argv, "--yes")
    assert ran.code == ExitCode.USAGE
    assert "a version looks like v1.2.3" in ran.err


@pytest.mark.parametrize("argv", [("update", "apply"), ("update", "rollback"), ("server", "restart")])
def test_where_nobody_can_be_asked_yes_must_be_said(it: Updatable, run: Run, argv: tuple[str, ...]) -> None:
    ran = run(*argv)
    assert ran.code == ExitCode.USAGE
    assert "needs --yes when nobody can be asked" in ran.err
    assert (manifest.find_pending(it.layout), it.left) == (None, 0)


def test_a_restart(it: Updatable, run: Run) -> None:
    ran = run("server", "restart", "--yes")
    assert ran.code == 0
    assert ran.err.splitlines()[0] == "the server restarts, no job is running"
    assert it.left == 1


def test_a_restart_is_waited_for(it: Updatable, run: Run, turn: threading.Lock) -> None:
    def restart() -> None:
        eventually(lambda: it.left, what="the order")
        with turn:
            it.server.restart()

    thread = threading.Thread(target=restart)
    thread.start()
    ran = run("server", "restart", "--wait", "--yes", "-o", "json")
    thread.join()
    assert (ran.code, ran.json()["restarting"]) == (0, True)
    assert "it answers again" in ran.err


def test_a_server_that_does_not_come_back(it: Updatable, run: Run) -> None:
    ran = run("server", "restart", "--wait", "--timeout", "0", "--yes")
    assert ran.code == ExitCode.TIMED_OUT
    assert "the server does not answer again yet" in ran.err
