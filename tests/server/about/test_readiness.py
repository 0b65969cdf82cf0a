"""`GET /readyz`: whether the server can do its work."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest
from cictl_testing.server import RunningServer


def failing(server: RunningServer) -> dict[str, str]:
    """Return the checks that fail, with their details; the status must say the same."""
    answer = server.get("/readyz")
    failed = {check["name"]: check["detail"] for check in answer.json["checks"] if not check["ok"]}
    assert (answer.status_code, answer.json["ready"]) == ((503, False) if failed else (200, True))
    assert answer.headers["Content-Type"] == "application/json"
    return failed


def test_a_server_that_works_is_ready(server: RunningServer) -> None:
    assert failing(server) == {}
    names = [check["name"] for check in server.get("/readyz").json["checks"]]
    assert names == ["serving", "store", "disk", "maintenance", "secrets", "files"]


@pytest.mark.tinydb
def test_a_store_that_refuses_changes_is_named(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", broken)
        server.post("/api/v1/heartbeat", {"agent_id": "new"})
    assert failing(server) == {"store": "the store refuses changes: Input/output error"}
    server.restart()
    assert failing(server) == {}


def test_maintenance_that_makes_no_pass_is_named(server: RunningServer) -> None:
    server.clock.step(60)
    assert failing(server) == {}
    server.clock.step(1)
    assert failing(server) == {"maintenance": "no pass for 61 s: see the server's log"}
    server.services.jobs.expiry.run_once()
    assert failing(server) == {}


def test_a_pass_that_fails_is_none(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(server.services.core.idempotency, "expire", fail)
    server.clock.step(61)
    with pytest.raises(RuntimeError):
        server.services.jobs.expiry.run_once()
    assert "maintenance" in failing(server)


def test_a_server_that_stops_is_not_ready(server: RunningServer) -> None:
    server.services.core.hub.close()
    assert failing(server) == {"serving": "the server is stopping"}


def test_it_changes_nothing(server: RunningServer) -> None:
    before = server.store.figures().commits
    server.get("/readyz")
    assert server.store.figures().commits == before
