"""Reading without a token, where the server allows it: what is open, what is not, and how much of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer

from cictl_server.http.access.roles_of_routes import CLOSED_TO_GUESTS
from cictl_server.services.access.guests import AT_ONCE, PER_SECOND

HTML = {"Accept": "text/html"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server that wants tokens for everything but reading; it has a run."""
    running = RunningServer(tmp_path / "data", settings={"public_read": True})
    running.enqueue()
    running.token("admin")
    yield running
    running.close()


@pytest.mark.parametrize("path", ["/", "/runs", "/runs/1", "/queue", "/agents", "/api/v1/runs/1", "/api/v1/jobs"])
def test_everybody_reads_what_a_viewer_reads(server: RunningServer, path: str) -> None:
    assert server.get(path, headers=HTML).status_code == 200


def test_a_page_offers_to_log_in_and_no_deed(server: RunningServer) -> None:
    page = server.get("/runs/1", headers=HTML)
    assert 'href="../login">Log in</a>' in page.text
    assert "data-ask" not in page.text
    assert "data-act" not in page.text
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert "private" in page.headers["Cache-Control"]


@pytest.mark.parametrize("route", sorted(CLOSED_TO_GUESTS))
def test_what_is_secret_or_costs_work_is_closed(server: RunningServer, route: str) -> None:
    path = route.removeprefix("GET ").format(project_id=1, pipeline_id=1, chain_id=1, job_id="job-1")
    assert server.get(path).status_code in (401, 404), "404 for what is not there, which comes first"


@pytest.mark.parametrize("path", ["/admin", "/api/v1/tokens", "/api/v1/audit", "/api/v1/retention"])
def test_what_is_for_admins_leads_to_the_form(server: RunningServer, path: str) -> None:
    assert server.get(path).status_code in (401, 404)
    assert server.get(path, headers=HTML).status_code in (303, 401)


@pytest.mark.parametrize("path", ["/runs/1/cancel", "/api/v1/runs/1/cancel", "/api/v1/runs/1/approve"])
def test_nobody_changes_anything(server: RunningServer, path: str) -> None:
    before = server.content()
    assert server.post(path, {}, headers={"Origin": "http://localhost"}).status_code == 401
    assert server.content() == before


def test_a_wrong_token_is_no_guest(server: RunningServer) -> None:
    assert server.ask("GET", "/api/v1/runs", "wrong").status_code == 401


def test_an_address_reads_so_much_and_others_as_before(server: RunningServer) -> None:
    statuses = [server.get("/api/v1/runs").status_code for _ in range(AT_ONCE + 1)]
    assert statuses == [200] * AT_ONCE + [429]
    limited = server.get("/runs", headers=HTML)
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "1")
    assert server.get("/api/v1/runs", remote_addr="203.0.113.7").status_code == 200
    server.clock.step(1)
    statuses = [server.get("/api/v1/runs").status_code for _ in range(int(PER_SECOND) + 1)]
    assert statuses == [200] * int(PER_SECOND) + [429]


def test_without_the_option_nobody_reads(tmp_path: Path) -> None:
    server = RunningServer(tmp_path)
    server.token("admin")
    assert server.get("/api/v1/runs").status_code == 401
    server.close()
