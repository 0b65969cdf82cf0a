"""Leases that wait on a real server: no thread is held, and only who can take a job is woken."""

from __future__ import annotations

import http.client
import json
import select
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.processes import eventually
from cictl_testing.servers.whole import running

from cictl.project_file import parse
from cictl.wire.agents import Action, HeartbeatRequest
from cictl.wire.projects import RunRequest
from cictl_client import Client
from cictl_server.httpd.workers import Workers
from cictl_server.serve import Server
from cictl_server.store.contract import Transaction
from tests.server.about.test_serve import define

WAIT_SECONDS = 600
"""Longer than it may take until hundreds wait: the first of them must not have gone by then."""


class Waiting:
    """Agents that wait on connections of their own, by name."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        self.server = server
        self._stack = stack
        self._address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        self.agents: dict[str, socket.socket] = {}

    def add(self, *names: str, **capabilities: str) -> None:
        """Let agents ask for work, and return when all of them wait."""
        for name in names:
            connection = self._stack.enter_context(socket.create_connection(self._address, timeout=60))
            body = json.dumps(
                {"agent_id": name, "wait_seconds": WAIT_SECONDS, "capabilities": {"os": "linux", **capabilities}}
            )
            head = f"POST /api/v1/agent/lease HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall((head + body).encode())
            self.agents[name] = connection
        eventually(lambda: self.count == len(self.agents), what="the agents to wait")

    @property
    def count(self) -> int:
        return self.server.services.core.waiting_leases.waiting

    def answered(self) -> dict[str, Any]:
        """Return the answers that have come, by agent; wait for the first one."""
        ready, _, _ = select.select(list(self.agents.values()), [], [], 60)
        names = [name for name, connection in self.agents.items() if connection in ready]
        return {name: _answer(self.agents.pop(name)) for name in names}


def _answer(connection: socket.socket) -> Any:
    response = http.client.HTTPResponse(connection)
    response.begin()
    return json.loads(response.read())


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Waiting]:
    monkeypatch.setattr("cictl_server.services.jobs.leasing.WAIT_LIMIT_SECONDS", WAIT_SECONDS)
    with running(tmp_path) as server, ExitStack() as stack:
        define(server)
        yield Waiting(server, stack)


def busy_threads() -> int:
    """Return how many threads of this process do anything but wait for a request that they could answer."""
    return sum(frame.f_code is not Workers._run.__code__ for frame in sys._current_frames().values())


def run(waiting: Waiting) -> str:
    with Client(waiting.server.url) as client:
        return client.run_pipeline(1, RunRequest()).job_execution_ids[0]


def require(waiting: Waiting, **needs: str) -> None:
    """Let the pipeline's job require something."""
    needed = ", ".join(f"{key}: {value}" for key, value in needs.items())
    job = f"{{id: j, runs_on: {{{needed}}}, steps: [{{run: 'true'}}]}}"
    text = f"version: 1\nproject: {{name: p}}\npipelines: [{{id: p, jobs: [{job}]}}]"
    definition = parse(text, config_file="cictl.yaml").pipelines[0]

    def change(tx: Transaction) -> None:
        record = tx.pipelines.find(1)
        assert record is not None
        tx.pipelines.put(type(record)(id=1, project_id=1, definition=definition))

    waiting.server.services.core.store.write(change)


def test_hundreds_wait_without_a_thread_and_one_of_them_gets_the_job(waiting: Waiting) -> None:
    waiting.add("first")
    busy = busy_threads()
    waiting.add(*(f"idle-{number}" for number in range(300)))
    eventually(lambda: busy_threads() <= busy, what="all that answered to be free again")
    job_id = run(waiting)
    [answer] = waiting.answered().values()
    assert answer["job_execution"]["id"] == job_id
    eventually(lambda: waiting.count == 300, what="the others to wait on")
    assert select.select(list(waiting.agents.values()), [], [], 0)[0] == []


def test_of_many_only_who_can_take_the_job_is_woken(waiting: Waiting) -> None:
    require(waiting, zone="b")
    waiting.add(*(f"a{number}" for number in range(20)), zone="a")
    waiting.add("b", zone="b")
    job_id = run(waiting)
    answers = waiting.answered()
    assert {name: answer["job_execution"]["id"] for name, answer in answers.items()} == {"b": job_id}


def test_a_job_that_was_queued_for_one_who_left_goes_to_the_next(waiting: Waiting) -> None:
    waiting.add("leaves")
    waiting.agents.pop("leaves").close()
    eventually(lambda: waiting.count == 0, what="the server to notice")
    waiting.add("stays")
    run(waiting)
    assert list(waiting.answered()) == ["stays"]


def test_a_deactivated_agent_is_told_at_once(waiting: Waiting) -> None:
    with Client(waiting.server.url) as client:
        client.heartbeat(HeartbeatRequest(agent_id="a", hostname="h", os="linux", arch="amd64"))
        waiting.add("a")
        client.agent_action("a", Action.DEACTIVATE)
    assert waiting.answered()["a"]["message"] == "agent is deactivated"


def test_what_an_agent_learns_while_it_waits_counts(waiting: Waiting) -> None:
    require(waiting, zone="b")
    waiting.add("learns")
    run(waiting)
    with Client(waiting.server.url) as client:
        beat = HeartbeatRequest(agent_id="learns", hostname="h", os="linux", arch="amd64", capabilities={"zone": "b"})
        client.heartbeat(beat)
    assert waiting.answered()["learns"]["assigned"] is True


def test_a_request_before_the_answer_is_read_is_no_second_wait(waiting: Waiting) -> None:
    waiting.add("a")
    waiting.agents["a"].sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    run(waiting)
    assert waiting.answered()["a"]["assigned"] is True
