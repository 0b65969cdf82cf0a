"""Finding runs: the list with its filters, and the field that takes what people call things."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from cictl_testing.face.browser import WIDTHS, Looking, findings, overflow
from playwright.sync_api import expect

from .conftest import Shown

HTML = {"Accept": "text/html"}


@pytest.fixture
def stocked(shown: Shown) -> Shown:
    """A server with two projects, a run of each, the first of which failed, and the agent `a`."""
    server = shown.server
    for name in ("shop", "depot"):
        server.run(
            server.define_project("pipelines: [{id: build, jobs: [{id: test, steps: [{run: ls}]}]}]", name=name)[
                "build"
            ]
        )
    server.heartbeat()
    server.finish("failed")
    return shown


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("1", "./runs/1", id="number"),
        pytest.param("#2", "./runs/2", id="with-hash"),
        pytest.param("shop", "./projects/1", id="project"),
        pytest.param("depot/build", "./runs?project=2&pipeline=build", id="pipeline"),
        pytest.param("o", None, id="several"),
        pytest.param("a", "./agents/a", id="agent"),
        pytest.param("99", None, id="no-such-run"),
    ],
)
def test_what_is_typed_leads_to_what_is_called_so(stocked: Shown, text: str, place: str | None) -> None:
    answer = stocked.server.get("/find", params={"q": text}, headers=HTML)
    assert (answer.status_code, answer.headers.get("Location")) == ((303, place) if place else (200, None))


def test_a_job_is_found_by_its_name_in_the_run(stocked: Shown) -> None:
    answer = stocked.server.get(f"/find?q={quote('1/test')}", headers=HTML)
    assert answer.headers["Location"].startswith("./jobs/job-")


def test_nobody_finds_what_their_token_does_not_see(stocked: Shown) -> None:
    stocked.server.token("admin")
    bound = stocked.server.token("viewer", projects=["depot"])
    for text in ("1", "1/test", "shop", "shop/build"):
        answer = stocked.server.ask("GET", "/find", bound, params={"q": text}, headers=HTML)
        assert (answer.status_code, "Nothing is called" in answer.text) == (200, True), text


def test_runs_are_filtered_by_what_a_form_says(stocked: Shown, look: Looking) -> None:
    page = look("/runs")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_label("State").select_option("failed")
    page.get_by_role("textbox", name="Project").fill("shop")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert "cictl runs list --project shop --status failed" in page.inner_text("footer")
    page.get_by_role("textbox", name="Project").fill("")
    page.get_by_role("textbox", name="Pipeline").fill("build")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert")).to_contain_text("pipeline needs project")


def test_older_runs_are_one_click_away(shown: Shown, look: Looking) -> None:
    pipeline = shown.server.define('[{id: test, steps: [{run: "true"}]}]')
    for _ in range(51):
        shown.server.run(pipeline)
    page = look("/runs")
    page.get_by_role("link", name="Older").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_role("link", name="#1", exact=True)).to_be_visible()


@pytest.mark.parametrize("path", ["/runs", "/runs?pipeline=x", "/find?q=o", "/find"])
def test_everybody_can_use_it_at_every_width(stocked: Shown, look: Looking, path: str) -> None:
    page = look(path)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == 0
        assert findings(page) == []
