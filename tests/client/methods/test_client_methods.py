from __future__ import annotations

import inspect
from datetime import UTC, datetime

import pytest
from cictl_testing.servers.answers import AnsweringServer, reply

from cictl.wire.admin.server import Health
from cictl.wire.codec import encode
from cictl_client import Client
from tests.client.methods import jobs, projects
from tests.client.methods import server as of_server
from tests.client.methods.case import Call

CASES = [*jobs.CASES, *projects.CASES, *of_server.CASES]
ELSEWHERE = {
    "base_url", "close", "download_all", "download_artifact", "events", "fetch_artifact", "fetch_worktree", "follow_audit", "follow_log", "list_audit", "get_project_icon", "read_log", "request", "resolve_version",
    "run", "server_now", "stream_request", "verify_audit", "wait", "wait_for_job",
}  # fmt: skip
"""Public names whose tests are below, or in a module of their own."""


@pytest.mark.parametrize(("request_line", "answer", "call", "result", "body"), CASES)
def test_method_sends_its_request_and_reads_the_answer(
    client: Client,
    server: AnsweringServer,
    request_line: str,
    answer: object,
    call: Call,
    result: object,
    body: object,
) -> None:
    server.on(request_line, reply(answer))
    assert call(client) == result
    expected = b"" if body is None else body if isinstance(body, bytes) else encode(body)
    assert server.seen[0].body == expected


@pytest.mark.parametrize(
    ("told", "now"),
    [
        pytest.param("Sun, 01 Mar 2026 12:00:00 GMT", datetime(2026, 3, 1, 12, tzinfo=UTC), id="hours-off"),
        pytest.param("Sun, 01 Mar 2026 15:00:01 GMT", datetime(2026, 3, 1, 15, tzinfo=UTC), id="as-good-as-equal"),
        pytest.param("noon", datetime(2026, 3, 1, 15, tzinfo=UTC), id="nonsense"),
    ],
)
def test_time_is_the_servers(
    client: Client, server: AnsweringServer, monkeypatch: pytest.MonkeyPatch, told: str, now: datetime
) -> None:
    here = datetime(2026, 3, 1, 15, tzinfo=UTC)
    monkeypatch.setattr("cictl_client.server_clock.utc_now", lambda: here)
    assert client.server_now() == here
    server.on("GET /healthz", reply(Health(status="ok"), Date=told))
    client.health()
    assert client.server_now() == now


def test_every_public_method_has_a_test() -> None:
    public = {name for name, _ in inspect.getmembers(Client) if not name.startswith("_")}
    assert {str(case.id) for case in CASES} | ELSEWHERE == public
