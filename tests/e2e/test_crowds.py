"""Many clients that stay: followers past the places for them, and connections that say nothing. The others go on."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from cictl_testing.pressure import Calm
from cictl_testing.processes import Workplace

from cictl.wire.agents import HeartbeatRequest, LeaseRequest, StatusRequest
from cictl_client import Client

SECONDS = 60.0
FOLLOWERS = 300
IDLE = 1000


@pytest.fixture
def crowd() -> Iterator[ExitStack]:
    """Holds connections open until the end of the test."""
    with ExitStack() as stack:
        yield stack


def connect(crowd: ExitStack, url: str) -> socket.socket:
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    return crowd.enter_context(socket.create_connection((address.hostname, address.port), timeout=SECONDS))


def follow(crowd: ExitStack, url: str, job_id: str) -> str:
    """Begin to follow a log and go on; return the header of the answer."""
    connection = connect(crowd, url)
    request = f"GET /api/v1/jobs/{job_id}/log?follow=1 HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n\r\n"
    connection.sendall(request.encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(4096)
    return answer.decode().partition("\r\n\r\n")[0]


def work(url: str) -> None:
    """Do what agents do: report, send a heartbeat, ask for work and get it."""
    with Client(url, retries=0, timeout=SECONDS) as client:
        assert client.heartbeat(HeartbeatRequest(agent_id="b")).accepted
        assert client.lease(LeaseRequest(agent_id="b")).job_execution


def test_three_hundred_followers_of_one_log(workplace: Workplace, crowd: ExitStack) -> None:
    job = workplace.held_job()
    workplace.ok("run", "big/p")
    calm = Calm.of(workplace)
    headers = [follow(crowd, workplace.url, job.id) for _ in range(FOLLOWERS)]
    statuses = Counter(header.split()[1] for header in headers)
    assert statuses == {"200": FOLLOWERS}
    work(workplace.url)
    with Client(workplace.url, retries=0, timeout=SECONDS) as client:
        report = StatusRequest(agent_id="a", status="running", output_append="more\n", output_offset=0)
        client.report_status(job.id, report)
    assert calm.is_undisturbed()


def test_a_thousand_idle_connections(workplace: Workplace, crowd: ExitStack) -> None:
    job = workplace.held_job()
    workplace.ok("run", "big/p")
    calm = Calm.of(workplace)
    for _ in range(IDLE):
        connection = connect(crowd, workplace.url)
        connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: {urlsplit(workplace.url).netloc}\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    work(workplace.url)
    assert " 200 " in follow(crowd, workplace.url, job.id).splitlines()[0]
    assert calm.is_undisturbed()
