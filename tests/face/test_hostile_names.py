"""Names that want to be more than names, on every page about the fleet and for admins."""

from __future__ import annotations

import pytest
from cictl_testing.face.browser import WIDTHS, Looking, findings, overflow
from cictl_testing.face.forms import get
from cictl_testing.server import RunningServer
from msgspec.structs import replace

from cictl.wire.admin.access import TokenRequest
from cictl_server.store.contract import Transaction

from .conftest import Shown

SCRIPT = "<img src=x onerror=alert(1)>"
LINK = "javascript:alert(1)"
TURNED = "\u202egpj.exe"
LONG = "x" * 200
LONGER = "y" * 10_000
GERMAN = "Größenmaßstabsänderung 🚀"
AGENT = "a" * 128
NAME = f"{SCRIPT} {GERMAN} {TURNED}"

PROJECT = """
pipelines:
- id: build
  on: {schedule: [{cron: "0 3 * * *"}]}
  inputs: {text: {default: '"><script>alert(1)</script>', description: '<img src=x onerror=alert(1)>'}}
  jobs:
  - {id: test, requires: {tools: {go: "*"}}, steps: [{name: '<img src=x onerror=alert(1)>', run: "echo '<img src=x>'"}]}
pipeline_chains: [{id: release, pipelines: [build]}]
"""
PATHS = (
    "/queue",
    "/queue/pause?project=1",
    "/agents",
    f"/agents/{AGENT}",
    f"/agents/{AGENT}/drain",
    f"/agents/{AGENT}/exec",
    "/projects/1",
    "/projects/import",
    "/pipelines/1/run",
    "/pipelines/1/definition",
    "/chains/1/run",
    "/insight",
    "/insight?project=1&pipeline=build",
    "/admin",
    "/admin/tokens",
    "/admin/audit",
    "/admin/retention",
    "/admin/secrets",
    "/admin/vault",
)

DARK = PATHS[::2]


@pytest.fixture
def server(shown: Shown) -> RunningServer:
    server = shown.server
    labels = {"gpu": LINK, "zone": GERMAN, "tool.git": SCRIPT, "executor": "script", "shells": "posix,bash"}
    server.heartbeat(AGENT, hostname=LONGER, capabilities=labels, version=SCRIPT)
    server.heartbeat("b", hostname=SCRIPT, capabilities={"tool.go": "1.22"})
    server.drain(AGENT, reason=f"{SCRIPT} {TURNED} {LONG}"[:200])
    ids = server.define_project(PROJECT, repo_url=f"https://git.example.test/{LONG}.git")
    server.store.write(call_it_so)
    server.run(ids["build"])
    server.finish("failed", "b")
    server.run(ids["build"])
    server.post("/api/v1/queue/pause", {"reason": f"{SCRIPT} {LINK} {GERMAN}"})
    server.post("/api/v1/queue/pause", {"project": "1", "reason": LONG})
    server.post("/api/v1/secrets", {"name": "A" * 60, "value": "hidden-value", "project": "1", "branches": [SCRIPT]})
    return server


def call_it_so(tx: Transaction) -> None:
    """Give the project a name that no file may have any more; stores from before have such."""
    project = next(tx.projects.iter_all())
    tx.projects.put(replace(project, name=NAME, loaded_commit="f" * 40))


@pytest.mark.parametrize("path", PATHS)
def test_a_name_is_text_and_nothing_else(server: RunningServer, path: str) -> None:
    page = get(server, path).text
    assert "<img src=x" not in page
    assert "<script>alert" not in page
    assert 'href="javascript:' not in page
    assert "\u202e" not in page, "what turns the direction of the text is shown as a mark"


@pytest.mark.parametrize("path", PATHS)
def test_a_page_holds_what_is_on_it_at_every_width(server: RunningServer, look: Looking, path: str) -> None:
    page = look(path, color_scheme="dark" if path in DARK else "light")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == 0, width
    assert findings(page) == []


def test_a_token_may_be_called_anything(server: RunningServer) -> None:
    made = server.services.access.tokens.create(TokenRequest(name=f"{SCRIPT} {GERMAN}", role="admin"), created_by=LINK)
    page = get(server, "/admin/tokens", made.token).text
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


@pytest.mark.parametrize("path", ["/queue", f"/agents/{AGENT}", "/projects/1", "/insight", "/admin/audit"])
def test_a_page_is_read_without_a_script(server: RunningServer, look: Looking, path: str) -> None:
    page = look(path, script=False)
    assert page.get_by_role("heading", level=1).is_visible()
    assert page.locator("button[hidden], [data-copy]:visible").count() == page.locator("button[hidden]").count()
