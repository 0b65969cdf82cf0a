"""Pages that stay true while one looks, and leave alone what somebody is doing on them."""

from __future__ import annotations

import re
from pathlib import Path

from cictl_testing.face.browser import Contexts, Looking
from cictl_testing.ports import free_port
from cictl_testing.servers.whole import running
from playwright.sync_api import Locator, Page, expect

from .conftest import Shown

JOBS = "[{id: test, matrix: {include: [{name: one, v: '1'}, {name: two, v: '2'}]}, steps: [{run: ls}]}]"


def watched(shown: Shown, look: Looking) -> Page:
    """Return the page of a run whose two rows wait."""
    shown.server.run(shown.server.define(JOBS))
    shown.server.heartbeat()
    page = look("/runs/1")
    expect(heading(page)).to_contain_text("queued")
    return page


def heading(page: Page) -> Locator:
    return page.get_by_role("main").get_by_role("heading", level=1)


def test_what_is_folded_out_stays_so(shown: Shown, look: Looking) -> None:
    page = watched(shown, look)
    page.get_by_text("2 rows").click()
    shown.server.running()
    expect(heading(page)).to_contain_text("running")
    expect(page.get_by_role("link", name="two", exact=True)).to_be_visible()


def test_the_focus_stays_where_it_is(shown: Shown, look: Looking) -> None:
    page = watched(shown, look)
    page.get_by_text("2 rows").click()
    page.get_by_role("link", name="two", exact=True).focus()
    shown.server.running()
    expect(heading(page)).to_contain_text("running")
    assert page.evaluate("document.activeElement.textContent") == "two"


def test_a_form_that_somebody_has_begun_is_not_touched(shown: Shown, look: Looking) -> None:
    page = watched(shown, look)
    page.goto("/runs")
    branch = page.get_by_role("textbox", name="Branch")
    branch.fill("feat")
    shown.server.running()
    expect(page.locator("tbody")).to_contain_text("running")
    expect(branch).to_have_value("feat")
    expect(branch).to_be_focused()


def test_a_dialog_stays_open_over_what_changes(shown: Shown, look: Looking) -> None:
    page = watched(shown, look)
    page.get_by_role("button", name="Cancel", exact=True).click()
    shown.server.running()
    expect(page.locator("main h1")).to_contain_text("running")
    expect(page.get_by_role("dialog")).to_be_visible()


HOLD_NEXT = """
() => {
  const get = fetch;
  window.held = new Promise((hold) => {
    window.fetch = async (...asked) => {
      window.fetch = get;
      const answer = await get(...asked);
      await new Promise((release) => { window.release = release; hold(); });
      return answer;
    };
  });
}
"""
"""Keep the next answer that the page asks for until `release()`; `held` is there once it has come."""


PUT_NEXT = """
new Promise((tell) => {
  document.addEventListener("shown", () => tell(/Unpin|Pin/.exec(main.textContent)), { once: true });
  release();
})
"""
"""Release the answer, and return which button the page has when it is put in place next."""


def test_what_was_made_before_a_deed_is_not_put_in_place_after_it(shown: Shown, look: Looking) -> None:
    page = watched(shown, look)
    page.evaluate(HOLD_NEXT)
    shown.server.running()
    page.evaluate("held")
    page.get_by_role("button", name="Pin", exact=True).click()
    expect(page.get_by_role("button", name="Unpin", exact=True)).to_be_visible()
    assert page.evaluate(PUT_NEXT) == ["Unpin"]


def test_the_tabs_of_a_browser_share_one_stream(shown: Shown, look: Looking) -> None:
    page = watched(shown, look)
    tabs = [page, *(page.context.new_page() for _ in range(7))]
    for tab in tabs[1:]:
        tab.goto("/runs/1")
    shown.server.running()
    for tab in tabs:
        expect(heading(tab)).to_contain_text("running")
    assert shown.server.services.core.hub.waiting == 1


def test_a_server_that_comes_back_is_heard_again(browser: Contexts, tmp_path: Path) -> None:
    port = free_port()
    look = Looking(browser, f"http://127.0.0.1:{port}")
    with running(tmp_path / "data", port=port):
        page = look("/")
        look.expects(page, "ERR_CONNECTION_(REFUSED|RESET)|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY_RESPONSE|Failed to fetch")
        expect(page.get_by_role("main")).to_contain_text("No projects yet")
    expect(page.locator("#link")).to_contain_text("The server does not answer")
    with running(tmp_path / "data", port=port):
        expect(page.locator("#link")).to_be_hidden()
        expect(page.get_by_role("main")).to_contain_text("No projects yet")
        look.close()


def test_who_is_logged_out_is_told_and_keeps_the_page(shown: Shown, look: Looking) -> None:
    secret = shown.server.token("admin")
    operator = shown.server.token("operator")
    page = look("/queue", token=operator)
    look.expects(page, "answer: 401 GET .*/events")
    shown.server.ask("POST", "/api/v1/tokens/2/rotate", secret)
    expect(page.locator("#link")).to_contain_text("You are not logged in any more")
    expect(page.get_by_role("main")).to_contain_text("Nothing waits")
    page.get_by_role("link", name="Log in").click()
    page.wait_for_url(re.compile(r"/login\?next=/queue$"))
