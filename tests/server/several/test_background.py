"""Which of two servers keeps the data of both in bounds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
from cictl_testing.processes import eventually

from cictl_server import serve
from cictl_server.serve import Server, ServerConfig


@contextmanager
def running(url: str, directory: Path) -> Iterator[Server]:
    server = Server(ServerConfig(data_dir=directory, store=url, port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(timeout=60)
        assert not thread.is_alive()


def has_made_a_pass(server: Server) -> bool:
    """Tell whether this server has applied retention: then its metrics have what it counted there."""
    return "\ncictl_kept_bytes{" in requests.get(f"{server.url}/metrics", timeout=30).text


def test_retention_is_applied_by_the_leader_and_after_its_end_by_the_other(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "FIRST_SECONDS", 0.02)
    monkeypatch.setattr(serve, "INTERVAL_SECONDS", 0.02)
    with ExitStack() as ends_first, ExitStack() as ends_last:
        leader = ends_first.enter_context(running(database_url, tmp_path / "leader"))
        other = ends_last.enter_context(running(database_url, tmp_path / "other"))
        for _ in range(20):  # time enough for the other to make one too
            leader.services.core.metrics.kept_bytes.clear()
            eventually(lambda: has_made_a_pass(leader), what="a pass of the leader")
        assert not has_made_a_pass(other)
        ends_first.close()
        eventually(lambda: has_made_a_pass(other), what="a pass of the other")
