"""What every route shares: errors, headers, methods, and who may send requests at all."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cictl.wire.problems import Code


def test_health(server: RunningServer) -> None:
    answer = server.get("/healthz")
    assert answer.content == b'{"status":"ok"}\n'
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store, max-age=0"
    assert (answer.headers["Pragma"], answer.headers["Expires"]) == ("no-cache", "0")


def test_server_info(server: RunningServer) -> None:
    info = server.get("/api/v1/server-info").json
    assert (info["name"], info["api_version"], info["version"]) == ("cictl", 1, "1.2.3")
    before = info["instance_id"]
    server.restart()
    assert server.get("/api/v1/server-info").json["instance_id"] != before


def test_runtime_state_follows_the_agents(server: RunningServer) -> None:
    def state() -> tuple[str, int, int, int]:
        found = server.get("/api/v1/runtime-state").json
        return found["mode"], found["online_agents"], found["stale_agents"], found["offline_agents"]

    assert state() == ("normal", 0, 0, 0)
    assert server.get("/api/v1/runtime-state").json["last_agent_seen_utc"] == "0001-01-01T00:00:00Z"
    server.heartbeat()
    server.clock.step(20)
    assert state() == ("normal", 1, 0, 0)
    server.clock.step(1)
    assert state() == ("degraded_offline", 0, 1, 0)
    assert server.get("/api/v1/runtime-state").json["reasons"] == ["no online agents"]
    server.clock.step(40)
    assert state() == ("degraded_offline", 0, 0, 1)
    server.restart()
    assert state() == ("normal", 0, 0, 0)


ODD = [
    "",
    ",",
    "[",
    "http://[",
    "a:b",
    "*",
    '"',
    "W/",
    "bytes=0-",
    "bytes=" + "9" * 5000 + "-",
    "9" * 5000,
    "-1",
    "\xff",
    "\t",
    "Sun",
]
HEADERS = [
    "Accept",
    "Host",
    "Origin",
    "Range",
    "If-Range",
    "If-None-Match",
    "If-Modified-Since",
    "Idempotency-Key",
    "Last-Event-ID",
    "Prefer",
    "X-CIWI-Agent-ID",
    "Authorization",
]


@given(
    path=st.sampled_from(["/healthz", "/api/v1/jobs", "/artifacts/job-1/a", "/api/v1/jobs/job-1/artifacts/upload-zip"]),
    method=st.sampled_from(["GET", "HEAD", "POST", "DELETE"]),
    headers=st.dictionaries(
        st.sampled_from(HEADERS),
        st.sampled_from(ODD) | st.text(st.characters(max_codepoint=255, exclude_characters="\r\n")),
        min_size=1,
    ),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_header_is_a_fault(server: RunningServer, path: str, method: str, headers: dict[str, str]) -> None:
    answer = server.http.simulate_request(method, path, headers=headers)
    assert answer.status_code < 500
    assert "cictl-server" in answer.headers


@pytest.mark.parametrize(
    "path", ["/", "/nope", "/api/v1/nope", "/healthz/", "/api/v1/heartbeat/", "/api/v1/jobs/a/b/c/d"]
)
def test_unknown_paths(server: RunningServer, path: str) -> None:
    answer = server.get(path)
    assert (answer.status_code, answer.text) == (404, "404 page not found\n")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/healthz"),
        ("HEAD", "/healthz"),
        ("OPTIONS", "/healthz"),
        ("GET", "/api/v1/heartbeat"),
        ("POST", "/api/v1/jobs"),
        ("PUT", "/api/v1/agents/a"),
        ("GET", "/api/v1/jobs/job-1/cancel"),
    ],
)
def test_wrong_methods(server: RunningServer, method: str, path: str) -> None:
    answer = server.http.simulate_request(method, path)
    assert answer.status_code == 405
    if method != "HEAD":
        assert answer.text == "method not allowed\n"


def test_slashes_at_the_end_are_ignored_below_nouns(server: RunningServer) -> None:
    job_id = server.enqueue()
    assert server.get(f"/api/v1/jobs/{job_id}/").status_code == 200


@pytest.mark.parametrize(
    "accept", ["application/json", "application/problem+json", "text/html, application/json;q=0.9"]
)
def test_problem_details_for_clients_that_read_json(server: RunningServer, accept: str) -> None:
    answer = server.get("/api/v1/jobs/job-1", headers={"Accept": accept})
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json == {
        "title": "job not found",
        "status": 404,
        "code": "not_found",
        "request_id": answer.headers["X-Request-Id"],
        "hint": "`cictl jobs list` shows the newest ones",
    }


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"agent_id":1,"repo_url":1}', b"\xff"])
@pytest.mark.parametrize("path", ["/api/v1/heartbeat", "/api/v1/agent/lease", "/api/v1/projects/import"])
def test_malformed_bodies(server: RunningServer, path: str, body: bytes) -> None:
    answer = server.http.simulate_post(path, body=body)
    assert (answer.status_code, answer.text) == (400, "invalid JSON body\n")


def test_every_code_has_a_status() -> None:
    assert all(code.status in range(400, 600) for code in Code)


def test_a_fault_is_told_without_its_details(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(type(server.services.jobs.lists), "list_jobs", explode)
    monkeypatch.setattr(type(server.services.jobs.jobs), "get_job", explode)
    answer = server.get("/api/v1/jobs/job-1")
    assert (answer.status_code, answer.text) == (500, "internal error\n")
    assert "secret detail" in caplog.text


@pytest.mark.parametrize("host", ["evil.example", "10.0.0.1", "127.0.0.1.evil.example"])
def test_other_hosts_are_refused_on_loopback(server: RunningServer, host: str) -> None:
    assert server.get("/healthz", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:8112", "127.0.0.1", "[::1]:8112"])
def test_loopback_hosts_are_served(server: RunningServer, host: str) -> None:
    assert server.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(("origin", "code"), [("http://localhost", 200), ("http://evil.example", 403), ("null", 403)])
def test_changes_from_other_origins_are_refused(server: RunningServer, origin: str, code: int) -> None:
    job_id = server.enqueue()
    answer = server.http.simulate_post(f"/api/v1/jobs/{job_id}/cancel", headers={"Origin": origin})
    assert answer.status_code == code
    assert server.get("/healthz", headers={"Origin": origin}).status_code == 200
