"""Real processes: servers, agents and commands, each stopped whatever happens."""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TypeVar

from cictl.wire.agents import HeartbeatRequest, LeaseRequest, StatusRequest
from cictl.wire.jobs import JobExecution
from cictl_client import Client, ClientError
from cictl_testing.files import make_repository
from cictl_testing.forks.forked import Forked, can_fork, run_forked
from cictl_testing.servers.whole import kind_tested

T = TypeVar("T")

DEADLINE_SECONDS = 240.0
"""How long anything may take on a loaded machine before a test gives up on it."""

_FRESH = (sys.executable, "-m", "cictl")

_PR_SET_PDEATHSIG = 1  # linux/prctl.h

_LIBC = ctypes.CDLL(None)
"""Loaded here: in a child of a process with threads, the lock that loading takes may be held by one that is no more."""


def eventually(check: Callable[[], T | None], *, what: str, seconds: float = DEADLINE_SECONDS) -> T:
    """Poll *check* until it returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := check():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


def die_with_us() -> None:
    """Let a child be killed when this process ends without tidying up, as by SIGKILL; to be called in the child, on Linux."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


class Process:
    """A cictl process whose output lines can be waited for."""

    def __init__(
        self,
        *arguments: str,
        environment: dict[str, str],
        directory: Path,
        command: Sequence[str] = (),
    ) -> None:
        """Start it.

        Args:
            command: What is started, with the arguments behind it; by default cictl, as `forks/forked.py` has it.
        """
        self._lines: queue.Queue[str] = queue.Queue()
        self.seen: list[str] = []
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
        reading, writing = os.pipe()
        self._output = os.fdopen(reading, errors="replace")
        with os.fdopen(writing, "wb") as output:
            self.process: Forked | subprocess.Popen[bytes] = (
                _start_fresh(command or _FRESH, arguments, environment, directory, output)
                if command or not can_fork()
                else Forked(arguments, environment=environment, directory=directory, stdout=output, stderr=output)
            )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for_line(self, text: str, *, is_whole: bool = False, seconds: float = DEADLINE_SECONDS) -> str:
        """Return the next line that contains *text*.

        Args:
            is_whole: The line must be *text*. A log also shows the commands of a step before it begins: what these print is told apart so.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line with {text!r} in:\n{''.join(self.seen)}") from None
            if line.rstrip("\n") == text if is_whole else text in line:
                return line

    def wait(self, *, seconds: float = DEADLINE_SECONDS) -> int:
        """Return the exit code, and have read everything."""
        code = self.process.wait(timeout=seconds)
        self._reader.join(timeout=seconds)
        return code

    @property
    def output(self) -> str:
        return "".join(self.seen)

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        self.process.kill()
        self.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(timeout=60)
        self._output.close()

    def _read(self) -> None:
        for line in self._output:
            self.seen.append(line)
            self._lines.put(line)


def _reserved_port() -> socket.socket:
    """Return what has a port of its own: the system gives it to nobody, and a server that says so itself may listen there, again and again."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", 0))
    return bound


def _start_fresh(
    command: Sequence[str], arguments: Sequence[str], environment: Mapping[str, str], directory: Path, output: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*command, *arguments],
        env=environment,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def _run(arguments: Sequence[str], environment: Mapping[str, str], directory: Path) -> subprocess.CompletedProcess[str]:
    if can_fork():
        return run_forked(arguments, environment=environment, directory=directory, timeout=DEADLINE_SECONDS)
    return subprocess.run(
        [*_FRESH, *arguments],
        env=environment,
        cwd=directory,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


def cictl_command(directory: Path, environment: Mapping[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return what runs one command to its end, in *directory* and with no settings of cictl but those in *environment*."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("CICTL_", "CIWI_"))}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return _run(arguments, {**clean, "NO_COLOR": "1", **environment}, directory)

    return run


class Workplace:
    """A server with its data, its agents and a shell, below one directory."""

    def __init__(self, directory: Path, *, environment: dict[str, str] | None = None) -> None:
        """Start the server; its processes, and all others, have what is in *environment* besides the usual."""
        self.directory = directory
        self.data = directory / "data"
        self.extra = environment or {}
        self.url = ""
        self._children: list[Process] = []
        self._reserved = _reserved_port()
        self._port: int = self._reserved.getsockname()[1]
        self._is_closing = threading.Event()
        self._holders: list[threading.Thread] = []
        self.server = self.start_server()

    def start_server(self) -> Process:
        """Start the server; again on the same port after it was killed."""
        self.server = self._spawn("serve", "--port", str(self._port), "--data-dir", str(self.data))
        self.url = self.server.wait_for_line(" serves ").partition(" serves ")[2].split(",")[0]
        return self.server

    def start_agent(self, agent_id: str = "a", *options: str) -> Process:
        """Start an agent and wait until the server knows it."""
        work = self.directory / f"work-{agent_id}"
        agent = self._spawn("run-agent", "--server", self.url, "--id", agent_id, "--work-dir", str(work), *options)
        eventually(lambda: agent_id in self.cictl("agents", "list", "-o", "name").stdout.split(), what="the agent")
        return agent

    def cictl(self, *arguments: str, token: str = "") -> subprocess.CompletedProcess[str]:
        """Run one command to its end; with *token*, as its holder."""
        return _run(arguments, self._environment(token), self.directory)

    def ok(self, *arguments: str) -> str:
        """Run one command that must succeed, and return what it says on stdout."""
        done = self.cictl(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def held_job(self, agent_id: str = "a") -> JobExecution:
        """Import a project, run its job, and lease and begin that as *agent_id*; the test itself is this agent, which stays alive."""
        text = "version: 1\nproject: {name: big}\npipelines: [{id: p, jobs: [{id: j, steps: [{run: 'true'}]}]}]\n"
        self.ok("projects", "import", str(make_repository(self.directory / "repository", {"cictl.yaml": text})))
        self.ok("run", "big/p")
        with Client(self.url) as client:
            leased = client.lease(LeaseRequest(agent_id=agent_id)).job_execution
            assert leased is not None
            client.report_status(leased.id, StatusRequest(agent_id=agent_id, status="running"))
        self._holders.append(threading.Thread(target=self._hold, args=(agent_id, leased.id), daemon=True))
        self._holders[-1].start()
        return leased

    def background(self, *arguments: str, token: str = "") -> Process:
        return self._spawn(*arguments, token=token)

    def wait_for_log(self, job_id: str, line: str) -> None:
        """Wait until the log of a job has *line*, by itself: it also shows the commands of a step, before that begins."""
        eventually(lambda: line in self.cictl("jobs", "logs", job_id, "--raw").stdout.splitlines(), what=line)

    def close(self) -> None:
        self._is_closing.set()
        for holder in self._holders:
            holder.join()
        for child in reversed(self._children):
            child.stop()
        self._reserved.close()

    def _hold(self, agent_id: str, job_id: str) -> None:
        """Give the signs of life without which the server would end the job while a long test goes on."""
        beat = HeartbeatRequest(agent_id=agent_id, running_job_ids=[job_id])
        with Client(self.url, retries=0) as client:
            while not self._is_closing.wait(5):
                with suppress(ClientError):
                    client.heartbeat(beat)

    def _spawn(self, *arguments: str, token: str = "") -> Process:
        child = Process(*arguments, environment=self._environment(token), directory=self.directory)
        self._children.append(child)
        return child

    def _environment(self, token: str = "") -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("CICTL_", "CIWI_"))}
        home = {"XDG_CONFIG_HOME": str(self.directory / "config"), "NO_COLOR": "1"}
        login = {"CICTL_TOKEN": token} if token else {}
        home["CICTL_SERVER_KIND"] = kind_tested()
        return {**clean, **home, "CICTL_SERVER_URL": self.url, **login, **self.extra}
