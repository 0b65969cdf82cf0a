"""The page of a run: what one sees, and what one does there."""

from __future__ import annotations

import re

import pytest
from cictl_testing.face.browser import WIDTHS, Looking, findings, overflow
from msgspec.structs import replace
from playwright.sync_api import Page, expect

from cictl_server.services.history.run_book import get_run
from cictl_server.store.records.runs import RunRecord
from tests.face.conftest import Shown

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


def test_rows_of_a_matrix_are_folded_and_found_from_the_graph(shown: Shown, look: Looking) -> None:
    matrix = "matrix: {include: [{name: one, v: '1'}, {name: two, v: '2'}]}"
    shown.server.run(
        shown.server.define(
            f"[{{id: test, {matrix}, steps: [{{run: ls}}]}}, {{id: pack, needs: [test], steps: [{{run: ls}}]}}]"
        )
    )
    page = look("/runs/1")
    picture = page.get_by_role("region", name="Graph of jobs")
    expect(picture.get_by_role("link")).to_have_count(2)
    picture.get_by_role("link", name="test: 2 queued").click()
    expect(page).to_have_url(re.compile("#rows-build-test$"))
    expect(page.get_by_role("link", name="two", exact=True)).to_be_hidden()
    page.get_by_text("2 rows").click()
    expect(page.get_by_role("link", name="two", exact=True)).to_be_visible()


def test_who_may_approve_does_so_with_a_reason(shown: Shown, look: Looking) -> None:
    shown.server.run(shown.server.define("[{id: ship, approval: {roles: [operator]}, steps: [{run: ls}]}]"))
    shown.server.token("admin")
    viewer, operator = shown.server.token("viewer"), shown.server.token("operator")
    page = look("/runs/1", token=viewer)
    expect(page.get_by_role("main")).to_contain_text("waits for an operator or an admin")
    assert page.get_by_role("button", name="Approve ship").count() == 0
    page = look("/runs/1", token=operator)
    press(page, "Approve ship")
    page.get_by_role("dialog").get_by_label("Why").fill("tested by hand")
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    expect(page.get_by_role("main")).to_contain_text("approved by operator: tested by hand")


def test_a_rejection_needs_a_reason(shown: Shown, look: Looking) -> None:
    shown.server.run(shown.server.define("[{id: ship, approval: {roles: [operator]}, steps: [{run: ls}]}]"))
    page = look("/runs/1", script=False)
    press(page, "Reject ship")
    press(page, "Reject")
    assert "/reject" in page.url, "the browser wants the field filled"
    page.get_by_label("Why").fill("too early")
    press(page, "Reject")
    expect(page.get_by_role("heading", level=1)).to_contain_text("failed")
    expect(page.get_by_role("main")).to_contain_text("too early")


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "\u202egnp.exe",
    "ü🚊" * 60,
    "x" * 10_000,
    "\x1b[31mred\x1b[0m",
]


@pytest.mark.parametrize("text", HOSTILE, ids=["tag", "link", "bidi", "emoji", "long", "ansi"])
def test_what_jobs_and_commits_say_is_but_text(shown: Shown, look: Looking, run: str, text: str) -> None:
    shown.server.heartbeat()
    job = shown.server.running()
    shown.server.report(job.id, "failed", error=text)
    shown.server.store.write(lambda tx: tx.runs.put(_told(get_run(tx, "1"), text)))
    page = look(run)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == 0
    assert "\u202e" not in page.content()
    assert page.locator("main img, a[href^='javascript']").count() == 0
    page.goto("/runs")
    assert overflow(page) == 0


def _told(run: RunRecord, text: str) -> RunRecord:
    return replace(run, message=text, author=text, branch=text, version=text)
