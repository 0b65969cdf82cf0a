"""A team at work, and then each byte that it leaves behind: no token, cookie or secret is in it, only hashes and sealed values."""

from __future__ import annotations

import base64
import hashlib
import socket
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from cictl_testing.processes import Process, Workplace, eventually

from cictl.redaction import forms_of
from tests.e2e.test_pipeline import define

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="wants the /proc of Linux")

OLD, VALUE, OF_SHOP = "0ld-s3cr3t/Value+of=all", "n3w-s3cr3t/Value+of=all", "sh0p-s3cr3t/Value+&=one"
JOBS = """\
      - id: work
        artifacts: [out]
        steps:
          - run: |
              echo $DEPLOY; echo $SIGN >&2; printf %s "$DEPLOY" | base64; env | sort; tr '\\0' ' ' < /proc/self/environ
              echo hi > out; echo; echo at the gate; while [ ! -e GATE ]; do sleep 0.05; done
            env: {DEPLOY: "{{ secret.deploy }}", SIGN: "a {{ secret.sign }} b"}
          - test: {name: unit, command: cp report.xml r.xml, format: junit-xml, report: r.xml}
"""
REPORT = '<testsuite name="s"><testcase name="good"/></testsuite>'


@dataclass
class Traces:
    """Everything that was left behind, by where it was."""

    found: dict[str, bytes] = field(default_factory=dict)

    def add(self, where: str, content: bytes | str) -> None:
        self.found[where] = content.encode() if isinstance(content, str) else content

    def add_files(self, directory: Path, *, but: Collection[Path]) -> None:
        """Add names and contents of the files below *directory* but for those in *but*."""
        for path in directory.rglob("*"):
            if path in but or set(path.parents).intersection(but):
                continue
            self.add(f"{path}, its name", path.name)
            if stat.S_ISREG(path.lstat().st_mode):
                self.add(str(path), path.read_bytes())

    def with_text(self, text: str) -> set[str]:
        return {where for where, content in self.found.items() if text.encode() in content}

    def with_secret(self, secret: str) -> set[str]:
        """Return where *secret* is, as it is, in another form or as the password of a URL."""
        basic = base64.b64encode(f"x:{secret}".encode()).decode()
        return {where for form in (*forms_of([secret]), basic) for where in self.with_text(form)}


class Team:
    """A server with people, an agent and a browser.

    Attributes:
        tokens: Each token and cookie that there ever was, by what it is.
    """

    def __init__(self, place: Workplace) -> None:
        self.place = place
        self.tokens: dict[str, str] = {}
        self.hand = place.directory / "hand"
        """Where people keep the tokens that they were given."""
        self.hand.mkdir()

    def keep(self, what: str, *command: str) -> Path:
        """Run a command that makes a token, and keep that in a file."""
        self.tokens[what] = self.place.ok(*command).strip()
        file = self.hand / what
        file.write_text(self.tokens[what])
        return file

    def begin(self) -> Process:
        """Make tokens of each kind, log in, store secrets, and start an agent that enrols itself."""
        url = self.place.url
        root = self.keep("root", "tokens", "create", "root", "--role", "admin")
        self.place.ok("login", url, "--token-file", str(root))
        self.keep("anna, before", "tokens", "create", "anna", "--role", "operator")
        self.keep("anna", "tokens", "rotate", "anna")
        self.keep("board", "tokens", "create", "board", "--role", "viewer", "--ttl", "1h")
        self.keep("gone", "tokens", "create", "gone", "--role", "viewer")
        self.place.ok("tokens", "revoke", "gone", "--yes")
        self.keep("second agent", "tokens", "create", "b", "--role", "agent", "--agent", "b")
        enrolment = self.keep("enrolment", "agents", "enroll")
        for name, value, *options in (("deploy", OLD), ("deploy", VALUE), ("sign", OF_SHOP, "--project", "shop")):
            file = self.hand / "value"
            file.write_text(value)
            self.place.ok("secrets", "set", name, "--from-file", str(file), *options)
        self.place.ok("secrets", "rotate-key")
        enroll = ("--id", "a", "--work-dir", "work", "--enroll-token-file", str(enrolment))
        agent = self.place.background("run-agent", "--server", url, *enroll)
        eventually(lambda: "a" in self.place.ok("agents", "list", "-o", "name").split(), what="the agent")
        self.tokens["first agent"] = self.agent_file.read_text().strip()
        return agent

    @property
    def agent_file(self) -> Path:
        return self.place.directory / "work" / "agent.token"

    def browse(self) -> None:
        """Log in with a browser twice, and stay so once."""
        own = {"Origin": self.place.url}
        for what, token in (("session", "root"), ("session that is over", "board")):
            with requests.Session() as browser:
                browser.headers["Accept"] = "text/html"
                form = {"token": self.tokens[token]}
                browser.post(f"{self.place.url}/login", data=form, headers=own, timeout=60).raise_for_status()
                self.tokens[what] = browser.cookies["cictl_session"]
                assert browser.get(f"{self.place.url}/api/v1/jobs", timeout=60).status_code == 200
                if token == "board":
                    browser.post(f"{self.place.url}/logout", headers=own, timeout=60).raise_for_status()

    def err(self) -> None:
        """Send tokens and cookies to where they don't belong."""
        url, token = self.place.url, self.tokens["anna"]
        bearer = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k"}
        login = {"repo_url": f"http://x:{token}@127.0.0.1:1/nothing.git"}
        statuses = [
            requests.get(f"{url}/api/v1/jobs?token={token}", timeout=60).status_code,
            requests.get(f"{url}/api/v1/jobs/{token}", headers=bearer, timeout=60).status_code,
            requests.post(f"{url}/login?token={token}", timeout=60).status_code,
            requests.post(
                f"{url}/api/v1/projects/import?t={token}", json=login, headers=bearer, timeout=60
            ).status_code,
            requests.post(
                f"{url}/api/v1/jobs/clear-queue?t={token}", json=token, headers=bearer, timeout=60
            ).status_code,
            requests.get(url, headers={"Host": self.tokens["session"]}, timeout=60).status_code,
        ]
        assert statuses == [401, 404, 400, 400, 200, 421]
        with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port)) as malformed:
            malformed.sendall(f"GET / HTTP/1.1\r\nCookie cictl_session={self.tokens['session']}\r\n\r\n".encode())
            assert b" 400 Bad Request" in malformed.recv(4096)

    def look(self, traces: Traces) -> None:
        """Add what the API, the metrics, a backup and an export tell."""
        [job_id] = self.place.ok("jobs", "list", "-o", "name").split()
        of_job = [f"jobs/{job_id}{path}" for path in ("", "/log", "/steps", "/tests", "/artifacts", "/explain")]
        lists = [
            "audit",
            "jobs",
            "agents",
            "agents/a",
            "tokens",
            "secrets",
            "server-info",
            "runtime-state",
            "projects",
            "projects/1",
        ]
        root = {"Authorization": f"Bearer {self.tokens['root']}"}
        for path in ("/metrics", *(f"/api/v1/{path}" for path in lists + of_job)):
            answer = requests.get(f"{self.place.url}{path}", headers=root, timeout=60)
            answer.raise_for_status()
            traces.add(f"GET {path}", answer.content)
        data = str(self.place.data)
        self.place.ok("store", "backup", str(self.place.directory / "backup"), "--data-dir", data)
        traces.add("export", self.place.ok("store", "export", "--data-dir", data))


def of_processes(*roots: Process) -> dict[str, bytes]:
    """Return command line and environment of the processes and all that they started, by pid and which of both."""
    children = [child.pid for root in roots for child in psutil.Process(root.process.pid).children(recursive=True)]
    pids = [*(root.process.pid for root in roots), *children]
    return {f"{pid} {kind}": _of_process(pid, kind) for pid in pids for kind in ("cmdline", "environ")}


def _of_process(pid: int, kind: str) -> bytes:
    """Return what anybody of our account can read; nothing of a process that is over, or that hides itself."""
    try:
        return Path(f"/proc/{pid}/{kind}").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


def holders(processes: dict[str, bytes], secret: str) -> set[str]:
    """Return which command lines and environments hold *secret*."""
    return {where for where, content in processes.items() if secret.encode() in content}


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    place = Workplace(tmp_path, environment={"CICTL_LOG_LEVEL": "debug"})
    gate = tmp_path / "gate"
    define(place, JOBS.replace("GATE", str(gate)), files={"report.xml": REPORT})
    yield Team(place)
    place.close()


@pytest.mark.usefixtures("fresh_processes")
def test_no_token_cookie_or_secret_is_left_anywhere(team: Team) -> None:
    place, traces = team.place, Traces()
    agent = team.begin()
    team.browse()
    run = place.background("run", "shop/build", "--follow")
    run.wait_for_line("at the gate", is_whole=True)
    team.err()
    processes = of_processes(place.server, agent, run)
    (place.directory / "gate").touch()
    assert run.wait() == 0, run.output
    team.look(traces)
    place.close()
    for name, process in (("server", place.server), ("agent", agent), ("follower", run)):
        traces.add(f"log of the {name}", process.output)
    # What people and the agent keep for themselves, each in a file that no other account reads.
    own = {team.hand, place.directory / "config", team.agent_file}
    traces.add_files(place.directory, but=own)

    # The search finds what is there: digests in the store and its copy, names in what was told, and a secret in its step alone.
    for token in set(team.tokens) - {"session", "session that is over", "anna, before"}:
        digest = hashlib.sha256(team.tokens[token].encode()).hexdigest()
        places = {Path(where).parent.name or where for where in traces.with_text(digest)}
        assert places == {"data", "backup", "export"}, token
    assert {"log of the server", "log of the agent", "log of the follower"} <= traces.with_text("job-")
    assert "at the gate" in run.output
    assert "DEPLOY=***" in run.output
    assert len(holders(processes, "CICTL_LOG_LEVEL")) >= 2

    leaks = {what: traces.with_secret(token) for what, token in team.tokens.items()}
    leaks |= {value: traces.with_secret(value) for value in (OLD, VALUE, OF_SHOP)}
    assert {what: where for what, where in leaks.items() if where} == {}
    assert {what: where for what, token in team.tokens.items() if (where := holders(processes, token))} == {}
    assert {where.split()[1] for where in holders(processes, VALUE)} == {"environ"}
    servers = {f"{process.process.pid} {kind}" for process in (place.server, agent) for kind in ("cmdline", "environ")}
    assert not servers & (holders(processes, VALUE) | holders(processes, OF_SHOP))
    key = (place.data / "secrets.key").read_bytes().strip()
    assert key
    assert {where for where, content in traces.found.items() if key in content} == {str(place.data / "secrets.key")}
