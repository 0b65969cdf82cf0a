"""Which of two servers keeps the data of both in bounds."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from cictl_testing.processes import eventually
from cictl_testing.servers.sharing import SharingServer
from cictl_testing.servers.whole import running

from cictl_server import upkeep
from cictl_server.serve import Server


def has_made_a_pass(server: Server) -> bool:
    """Tell whether this server has applied retention: then its metrics have what it counted there."""
    return "\ncictl_kept_bytes{" in requests.get(f"{server.url}/metrics", timeout=30).text


def test_retention_is_applied_by_the_leader_and_after_its_end_by_the_other(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "FIRST_SECONDS", 0.02)
    monkeypatch.setattr(upkeep, "INTERVAL_SECONDS", 0.02)
    with ExitStack() as ends_first, ExitStack() as ends_last:
        leader = ends_first.enter_context(running(tmp_path / "leader", store=database_url))
        other = ends_last.enter_context(running(tmp_path / "other", store=database_url))
        for _ in range(20):  # time enough for the other to make one too
            leader.services.core.metrics.kept_bytes.clear()
            eventually(lambda: has_made_a_pass(leader), what="a pass of the leader")
        assert not has_made_a_pass(other)
        ends_first.close()
        eventually(lambda: has_made_a_pass(other), what="a pass of the other")


def test_who_led_before_tells_no_more_what_is_kept(both: tuple[SharingServer, SharingServer]) -> None:
    for server in both:
        server.services.retention.usage.measure(threading.Event())
    assert ["\ncictl_kept_bytes{" in server.get("/metrics").text for server in both] == [True, False]
