"""The addresses that links from elsewhere name: each is a page."""

from __future__ import annotations

import pytest

from cictl.wire.pages import OVERVIEW, job_page, project_page, run_page

from .conftest import Shown

HTML = {"Accept": "text/html"}


@pytest.fixture
def run(shown: Shown) -> Shown:
    """A server with run 1 of project 1."""
    shown.server.run(shown.server.define("[{id: test, steps: [{run: ls}]}]"))
    return shown


def test_what_links_name_is_there(run: Shown) -> None:
    [job] = run.server.get("/api/v1/jobs").json["job_executions"]
    for address in (
        OVERVIEW,
        run_page(1),
        run_page(job["metadata"]["pipeline_run_id"]),
        job_page(job["id"]),
        project_page(1),
    ):
        assert run.server.get(address, headers=HTML).status_code == 200, address


def test_a_name_with_odd_characters_stays_one_part_of_the_address() -> None:
    assert run_page("a/b?c#d") == "/runs/a%2Fb%3Fc%23d"
