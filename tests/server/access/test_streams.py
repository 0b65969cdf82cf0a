"""Streams end soon after the token that opened them does: none waits for the time of its next keep-alive."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from cictl_testing.processes import eventually
from cictl_testing.server import RunningServer
from cictl_testing.servers.threads import ThreadedServer

from cictl_server.services.core import hub
from cictl_server.signals.topics import EVENTS


@pytest.fixture
def http(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedServer]:
    monkeypatch.setattr(hub, "KEEPALIVE_SECONDS", 600.0)
    running = ThreadedServer(server.http.app)
    yield running
    server.services.core.hub.close()
    running.stop()


def opened(url: str, secret: str) -> tuple[threading.Thread, list[bytes]]:
    """Read a stream in a thread, and wait until it has begun; return the thread and the lines, which grow."""
    lines: list[bytes] = []
    begun = threading.Event()

    def read() -> None:
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {secret}"} if secret else {})
        with urllib.request.urlopen(request, timeout=60) as answer:
            for line in answer:
                lines.append(line)
                begun.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert begun.wait(60)
    return thread, lines


def revoke(server: RunningServer) -> None:
    server.services.access.tokens.revoke(2)


def rotate(server: RunningServer) -> None:
    server.services.access.tokens.rotate(2)


def expire(server: RunningServer) -> None:
    server.clock.step(3600)


@pytest.mark.parametrize("end", [revoke, rotate, expire])
@pytest.mark.parametrize("path", ["/api/v1/events", "/api/v1/jobs/{job}/log?follow=1"])
def test_a_stream_ends_with_its_token(
    server: RunningServer, http: ThreadedServer, path: str, end: Callable[[RunningServer], None]
) -> None:
    job = server.enqueue()
    server.token("admin")
    secret = server.token("viewer", ttl_seconds=3600)
    thread, _ = opened(http.url + path.format(job=job), secret)
    end(server)
    thread.join(60)
    assert not thread.is_alive()


def test_a_stream_that_nobody_was_asked_for_ends_when_tokens_come(server: RunningServer, http: ThreadedServer) -> None:
    thread, _ = opened(f"{http.url}/api/v1/events", "")
    server.token("admin")
    thread.join(60)
    assert not thread.is_alive()


def test_events_of_other_projects_are_left_out(server: RunningServer, http: ThreadedServer) -> None:
    jobs = 'pipelines: [{id: p, jobs: [{id: j, steps: [{run: "true"}]}]}]'
    other, shop = server.define_project(jobs, name="other")["p"], server.define_project(jobs, name="shop")["p"]
    server.token("admin")
    bound = server.token("viewer", projects=["shop"])
    admin = server.token("operator")
    thread, lines = opened(f"{http.url}/api/v1/events", bound)
    eventually(lambda: server.services.core.hub.is_watched(EVENTS), what="the stream to wait")
    for pipeline in (other, shop):
        answer = server.ask("POST", f"/api/v1/pipelines/{pipeline}/run-selection", admin, json={})
        assert answer.status_code == 201
    eventually(lambda: any(line.startswith(b"data:") for line in lines), what="an event")
    revoke(server)
    thread.join(60)
    seen = answer.json["job_execution_ids"][0].encode()
    assert all(seen in line for line in lines if line.startswith(b"data:"))


def test_a_lease_that_waits_gives_nothing_to_a_revoked_token(server: RunningServer) -> None:
    pipeline = server.define('[{id: j, steps: [{run: "true"}]}]')
    server.heartbeat("a")
    admin = server.token("admin")
    secret = server.token("agent", agent_id="a")
    answers: list[dict[str, object]] = []

    def lease() -> None:
        body = {"agent_id": "a", "wait_seconds": 20}
        answers.append(server.ask("POST", "/api/v1/agent/lease", secret, json=body).json)

    waiting = threading.Thread(target=lease)
    waiting.start()
    eventually(lambda: server.services.core.hub.waiting, what="the lease to wait")
    revoke(server)
    server.ask("POST", f"/api/v1/pipelines/{pipeline}/run-selection", admin, json={})
    waiting.join(60)
    assert "job_execution" not in answers[0]
    [job] = server.ask("GET", "/api/v1/jobs", admin).json["job_executions"]
    assert job["status"] == "queued"
