"""The page of a run: what one sees, and what one does there."""

from __future__ import annotations

import pytest
from cictl_testing.face.browser import Looking, findings
from playwright.sync_api import Page, expect

from .conftest import Shown

PIPELINE = (
    "pipelines: [{id: build, jobs: [{id: test, steps: [{run: ls}]}, {id: pack, needs: [test], steps: [{run: ls}]}]}]"
)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def deeds(shown: Shown) -> list[str]:
    """Return what the audit has after the start of the run."""
    return [record.action for record in shown.server.audit()][1:]


@pytest.fixture
def run(shown: Shown) -> str:
    """A run that waits for an agent."""
    shown.server.run(shown.server.define_project(PIPELINE)["build"])
    return "/runs/1"


@pytest.mark.parametrize("script", [pytest.param(True, id="script"), pytest.param(False, id="no-script")])
def test_cancel_asks_with_counts_and_ends_the_run(shown: Shown, look: Looking, run: str, script: bool) -> None:
    page = look(run, script=script)
    press(page, "Cancel")
    question = page.get_by_role("dialog") if script else page.get_by_role("main")
    expect(question).to_contain_text("Its jobs end: 2 waiting.")
    assert not script or findings(page) == []
    press(page, "Cancel run 1")
    expect(page.get_by_role("heading", level=1)).to_contain_text("cancelled")
    assert page.url == f"{shown.url}/runs/1"
    assert deeds(shown) == ["run.cancelled"]


def test_back_leaves_the_run_alone(shown: Shown, look: Looking, run: str) -> None:
    page = look(run)
    press(page, "Cancel")
    page.get_by_role("link", name="Back").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert deeds(shown) == []


def test_a_run_is_pinned_at_once(shown: Shown, look: Looking, run: str) -> None:
    page = look(run)
    press(page, "Pin")
    press(page, "Unpin")
    expect(page.get_by_role("button", name="Pin", exact=True)).to_be_visible()
    assert deeds(shown) == ["run.pinned", "run.unpinned"]


def test_what_failed_runs_again(shown: Shown, look: Looking, run: str) -> None:
    shown.server.heartbeat()
    shown.server.finish("failed")
    page = look(run)
    press(page, "Rerun failed")
    page.get_by_role("dialog").get_by_role("button", name="Rerun failed").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("queued")


def test_the_page_follows_the_run(shown: Shown, look: Looking, run: str) -> None:
    page = look(run)
    expect(page.get_by_role("heading", level=1)).to_contain_text("queued")
    shown.server.heartbeat()
    shown.server.running()
    expect(page.get_by_role("heading", level=1)).to_contain_text("running")


def test_a_viewer_sees_no_button_and_a_form_of_theirs_is_refused(shown: Shown, look: Looking, run: str) -> None:
    shown.server.token("admin")
    viewer = shown.server.token("viewer")
    page = look(run, token=viewer)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Run 1")
    assert page.get_by_role("main").get_by_role("button").count() == 0
    look.expects(page, "403")
    answer = page.request.post("/runs/1/cancel", headers={"Origin": shown.url, "Accept": "text/html"})
    assert answer.status == 403
    assert "this needs the role operator" in answer.text()


def test_a_token_bound_to_another_project_finds_nothing(shown: Shown, look: Looking, run: str) -> None:
    shown.server.token("admin")
    bound = shown.server.token("operator", name="o", projects=["other"])
    page = look("/", token=bound)
    expect(page.get_by_role("main")).not_to_contain_text("shop")
    look.expects(page, "404")
    page.goto(run)
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
