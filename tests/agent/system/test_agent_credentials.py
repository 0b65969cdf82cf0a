"""The agent's token and logins: no step can read them, neither in its own environment nor in the agent's process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.processes import Process, eventually
from cictl_testing.servers.scripted_server import ScriptedServer
from cictl_testing.servers.threads import ThreadedServer

from cictl_agent.system.credentials import put_away, without_credentials

SECRETS = {
    "CICTL_TOKEN": "hunter22",
    "CICTL_GITHUB_TOKEN": "hunter22",
    "CICTL_UPDATE_INDEX_URL": "https://robot:hunter22@packages.example.com/simple",
}
SHOW = "for part in environ cmdline; do tr '\\0' '\\n' < /proc/%s/$part; done; env"
NOBODY = 65534


def agent_of(url: str, directory: Path, **environment: str) -> Process:
    clean = {key: "" for key in os.environ if key.startswith(("CICTL_", "CIWI_"))}
    arguments = ("run-agent", "--server", url, "--id", "a", "--work-dir", str(directory / "work"))
    return Process(*arguments, environment={**clean, **SECRETS, **environment}, directory=directory)


@pytest.mark.usefixtures("fresh_processes")
def test_a_step_finds_no_credential_in_the_process_of_its_agent(server: ScriptedServer, tmp_path: Path) -> None:
    agent = agent_of(server.url.replace("://", "://user:hunter22@"), tmp_path, HELLO="world")
    try:
        job = server.finished(server.enqueue(script=SHOW % agent.process.pid))
    finally:
        agent.stop()
    assert "HELLO=world" in job.text
    assert f"--server\n{server.url}\n" in job.text, "it is the command line of the agent"
    assert "hunter22" not in job.text


@pytest.mark.parametrize(
    ("login", "token", "sent"),
    [("", "hunter22", "Bearer hunter22"), ("user:hunter22@", "", "Basic dXNlcjpodW50ZXIyMg==")],
    ids=["token", "login"],
)
def test_the_agent_still_has_what_it_put_away(tmp_path: Path, login: str, token: str, sent: str) -> None:
    seen: list[str] = []

    def answer(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        seen.append(environ.get("HTTP_AUTHORIZATION", ""))
        start_response("503 Later", [("Content-Length", "0")])
        return []

    server = ThreadedServer(answer)
    agent = agent_of(server.url.replace("://", f"://{login}"), tmp_path, CICTL_TOKEN=token)
    try:
        eventually(lambda: seen, what="a request")
    finally:
        agent.stop()
        server.stop()
    assert seen[0] == sent


def test_an_environment_without_credentials_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["python", "cictl", "run-agent"])
    environ = {"PATH": "/bin", "CICTL_AGENT_ID": "a", "CICTL_TOKEN": ""}
    assert put_away(environ, server="http://h").variables == {"PATH": "/bin", "CICTL_AGENT_ID": "a", "CICTL_TOKEN": ""}
    assert environ == {"PATH": "/bin", "CICTL_AGENT_ID": "a"}


@pytest.mark.parametrize(
    ("of_server", "kept"),
    [
        pytest.param({"CICTL_STORE": "postgresql://db/ci?password=hunter22"}, {}, id="database"),
        pytest.param({"CIWI_FILES": "s3://bucket"}, {"CIWI_FILES": "s3://bucket"}, id="bucket"),
        pytest.param({}, {"PGPASSWORD": "for jobs", "AWS_REGION": "for jobs"}, id="no-server"),
    ],
)
def test_jobs_of_an_agent_in_the_environment_of_a_server_do_not_reach_its_data(
    of_server: dict[str, str], kept: dict[str, str]
) -> None:
    own = {"PATH": "/bin", "PGPASSWORD": "for jobs", "AWS_REGION": "for jobs"}
    assert without_credentials({**own, **of_server}) == {"PATH": "/bin", **kept}


@pytest.mark.parametrize(("call", "code"), [("1", 0), ("hide_memory()", 1)], ids=["plain", "hidden"])
def test_no_process_of_the_same_account_reads_the_memory(call: str, code: int) -> None:
    """As an account without rights: root reads everything."""
    account = NOBODY if os.getuid() == 0 else os.getuid()
    # A change of account hides a process too, until it runs another program. So that is undone first.
    program = (
        "import ctypes, os, sys\n"
        "from cictl_agent.system.processes import hide_memory\n"
        f"os.setuid({account})\n"
        "ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE\n"
        f"{call}\n"
        "print('begun', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        command = ["cat", f"/proc/{process.pid}/environ"]
        done = subprocess.run(command, user=account, cwd="/", capture_output=True, check=False)
        process.communicate()
    assert done.returncode == code
