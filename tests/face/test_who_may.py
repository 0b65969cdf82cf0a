"""Who may see and do what on the pages: roles, and tokens that are bound to projects."""

from __future__ import annotations

import pytest
from cictl_testing.face.forms import get, send, words
from cictl_testing.server import RunningServer

from cictl_server.face.admin_pages import ADMIN_PAGES
from cictl_server.face.fleet_pages import FLEET_PAGES
from cictl_server.http.access.roles_of_routes import ROLES, Access
from cictl_server.http.routes import Page

from .conftest import Shown

ONE_JOB = 'jobs: [{id: a, steps: [{run: "true"}]}]'
PROJECT = f'pipelines: [{{id: build, on: {{schedule: [{{cron: "0 3 * * *"}}]}}, {ONE_JOB}}}]'
CHAIN = "pipeline_chains: [{id: release, pipelines: [build]}]"
PAGES = (*FLEET_PAGES, *ADMIN_PAGES)
SEEN = [page for page in PAGES if page.reads]
DONE = [page for page in PAGES if page.does]
STRONGER = {Access.ADMIN: "operator", Access.OPERATOR: "viewer", Access.VIEWER: "agent"}
"""By what a page wants, the strongest role that is too weak."""


@pytest.fixture
def server(shown: Shown) -> RunningServer:
    """Two projects, shop and zebra, with a job that waits in each; an agent; a token of each role."""
    server = shown.server
    server.heartbeat("build-1")
    for name in ("shop", "zebra"):
        server.run(server.define_project(f"{PROJECT}\n{CHAIN}", name=name)["build"])
    return server


@pytest.fixture
def secrets(server: RunningServer) -> dict[str, str]:
    made = {role: server.token(role) for role in ("admin", "operator", "viewer")}
    bound = server.token("operator", "bound", projects=["shop"])
    return {**made, "agent": server.token("agent", agent_id="build-1"), "bound": bound}


def path_of(page: Page, server: RunningServer) -> str:
    job = next(iter(server.services.jobs.waiting.list_waiting(limit=9).jobs)).id
    ids = {"job_id": job, "agent_id": "build-1", "order": "drain", "number": "1"}
    numbers = ("project_id", "pipeline_id", "chain_id", "token_id", "secret_id", "connection_id")
    path = page.path
    for name, value in {**ids, **dict.fromkeys(numbers, "1")}.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def id_of(page: Page) -> str:
    return page.path


@pytest.mark.parametrize("page", SEEN, ids=id_of)
def test_a_page_wants_the_role_of_what_it_shows(server: RunningServer, secrets: dict[str, str], page: Page) -> None:
    weak = STRONGER[ROLES[page.reads]]
    assert get(server, path_of(page, server), secrets[weak]).status_code in (403, 404)
    assert get(server, path_of(page, server)).status_code == 303, "without a token it leads to the form"


@pytest.mark.parametrize("page", DONE, ids=id_of)
def test_a_form_wants_the_role_of_what_it_does(server: RunningServer, secrets: dict[str, str], page: Page) -> None:
    weak = STRONGER[ROLES[page.does]]
    before = changed_by_people(server)
    assert send(server, path_of(page, server), secrets[weak]).status_code in (403, 404)
    assert send(server, path_of(page, server)).status_code == 401
    assert changed_by_people(server) == before


@pytest.mark.parametrize("order", ["update", "exec"])
def test_some_orders_want_an_admin(server: RunningServer, secrets: dict[str, str], order: str) -> None:
    path = f"/agents/build-1/{order}"
    assert get(server, path, secrets["operator"]).status_code == 403
    assert send(server, path, secrets["operator"], script="id", shell="posix").status_code == 403


@pytest.mark.parametrize("path", ["/queue", "/agents/build-1", "/projects/1"])
def test_a_viewer_sees_no_button_that_is_refused(server: RunningServer, secrets: dict[str, str], path: str) -> None:
    page = get(server, path, secrets["viewer"]).text
    main = page.partition("<main")[2].partition("</main>")[0]
    assert "<form" not in main
    assert ">Run</a>" not in main
    assert "<form" in get(server, path, secrets["operator"]).text.partition("<main")[2].partition("</main>")[0]


def test_who_sees_one_project_sees_nothing_of_another(server: RunningServer, secrets: dict[str, str]) -> None:
    secret = secrets["bound"]
    server.post("/api/v1/queue/pause", {"project": "2", "reason": "of zebra"}, headers=bearer(secrets["admin"]))
    for path in ("/queue", "/agents", "/agents/build-1", "/insight", "/projects/1"):
        assert "zebra" not in words(server, path, secret)
    assert get(server, "/projects/2", secret).status_code == 404
    assert get(server, "/pipelines/2/run", secret).status_code == 404
    assert get(server, "/queue/pause?project=2", secret).status_code == 404
    assert send(server, "/pipelines/2/run", secret).status_code == 404


def test_who_sees_one_project_has_no_button_for_all(server: RunningServer, secrets: dict[str, str]) -> None:
    secret = secrets["bound"]
    assert "Pause" not in words(server, "/queue", secret)
    assert "Drain" not in words(server, "/agents/build-1", secret)
    assert send(server, "/agents/build-1/drain", secret, reason="x").status_code == 403
    assert send(server, "/queue/pause", secret, reason="x").status_code == 403
    assert send(server, "/pipelines/1/run", secret).status_code == 303


def test_a_form_of_another_site_changes_nothing(server: RunningServer) -> None:
    headers = {"Origin": "https://evil.example", "Content-Type": "application/x-www-form-urlencoded"}
    answer = server.http.simulate_post("/queue/pause", headers=headers, body=b"reason=x")
    assert answer.status_code == 403
    assert server.services.policies.pauses.show().pauses == []


def changed_by_people(server: RunningServer) -> dict[str, object]:
    """Return what is stored, without when tokens were used."""
    return {name: rows for name, rows in server.content().items() if name != "tokens"}


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}
