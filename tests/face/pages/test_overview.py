"""The overview: how each pipeline stands, what runs and waits, and who sees what of it."""

from __future__ import annotations

import json
import re

import pytest
from cictl_testing.face.browser import Looking, overflow
from playwright.sync_api import expect

from tests.face.conftest import Shown

JOB = "{id: test, steps: [{run: ls}]}"
HTML = {"Accept": "text/html"}


def test_a_server_without_projects_says_how_to_begin(look: Looking) -> None:
    page = look("/")
    expect(page.get_by_role("main")).to_contain_text("cictl projects import")


def test_a_pipeline_shows_its_last_results_in_words_too(shown: Shown, look: Looking) -> None:
    pipeline = shown.server.define(f"[{JOB}]")
    shown.server.heartbeat()
    for status in ("failed", "succeeded", "succeeded"):
        shown.server.run(pipeline)
        shown.server.clock.step(5)
        shown.server.finish(status)
    page = look("/")
    line = page.get_by_role("listitem").filter(has_text="build")
    expect(line).to_contain_text(re.compile(r"succeeded\s+#3"))
    expect(line.get_by_role("img")).to_have_attribute("aria-label", "the last 3: 2 succeeded, 1 failed")


def test_what_runs_comes_and_goes_while_one_looks(shown: Shown, look: Looking) -> None:
    pipeline = shown.server.define(f"[{JOB}]")
    page = look("/")
    active = page.locator(".active li")
    expect(active).to_have_count(0)
    shown.server.run(pipeline)
    expect(active).to_contain_text("queued")
    shown.server.heartbeat()
    shown.server.finish("succeeded")
    expect(active).to_have_count(0)
    expect(page.get_by_role("main")).to_contain_text("#1")


def test_of_what_waits_the_reason_is_told(shown: Shown, look: Looking) -> None:
    pipeline = shown.server.define(f"[{JOB}]")
    shown.server.post("/api/v1/queue/pause", {"reason": "a new kernel"})
    shown.server.run(pipeline)
    expect(look("/").locator(".active")).to_contain_text("a new kernel")


def test_only_so_many_runs_are_told_and_the_rest_is_counted(shown: Shown, look: Looking) -> None:
    pipeline = shown.server.define(f"[{JOB}]")
    for _ in range(5):
        shown.server.run(pipeline)
    page = look("/")
    page.get_by_role("link", name="2 more").click()
    expect(page.locator("tbody tr")).to_have_count(5)


def test_a_bound_token_sees_its_project_alone(shown: Shown) -> None:
    for name in ("shop", "depot"):
        shown.server.define_project(f"pipelines: [{{id: build, jobs: [{JOB}]}}]", name=name)
    shown.server.token("admin")
    bound = shown.server.token("viewer", projects=["depot"])
    text = shown.server.ask("GET", "/", bound, headers=HTML).text
    assert ("depot" in text, "shop" in text) == (True, False)


def test_chains_stand_beside_pipelines(shown: Shown, look: Looking) -> None:
    shown.server.define_project(
        f"pipelines: [{{id: build, jobs: [{JOB}]}}]\npipeline_chains: [{{id: release, pipelines: [build]}}]"
    )
    page = look("/")
    assert page.locator("h3").all_inner_texts() == ["build", "release"]


@pytest.mark.parametrize(
    "name", ["<img src=x onerror=alert(1)>", "'\"><script>alert(1)</script>", "Grüße 🚊 " + "x" * 150]
)
def test_a_hostile_name_is_but_text(shown: Shown, look: Looking, name: str) -> None:
    shown.server.define_project(f"pipelines: [{{id: build, jobs: [{JOB}]}}]", name=json.dumps(name, ensure_ascii=False))
    page = look("/")
    expect(page.get_by_role("heading", level=2)).to_contain_text(name.partition('"')[0])
    assert page.locator("img[src], script:not([src])").count() == 0
    assert overflow(page) == 0


def test_run_starts_a_pipeline_and_goes_to_its_run(shown: Shown, look: Looking) -> None:
    shown.server.define(f"[{JOB}]")
    page = look("/")
    page.get_by_role("button", name="Run build of shop").click()
    page.wait_for_url("**/runs/1")
    expect(page.get_by_role("heading", level=1)).to_contain_text("queued")


def test_run_asks_first_for_a_value_that_is_needed(shown: Shown, look: Looking) -> None:
    inputs = "inputs: {target: {type: text, required: true}}"
    shown.server.define_project(f"pipelines: [{{id: ship, {inputs}, jobs: [{JOB}]}}]")
    page = look("/")
    page.get_by_role("button", name="Run ship of shop").click()
    expect(page.get_by_label("target")).to_be_visible()
    assert shown.server.content()["runs"] == []
