"""Insight: pictures with tables beside them."""

from __future__ import annotations

import msgspec
import pytest
from cictl_testing.face.forms import get, words
from cictl_testing.server import RunningServer

from cictl_server.face.drawing.durations import scale_of
from cictl_server.face.drawing.shares import shares
from tests.face.conftest import Shown

ONE_JOB = '[{id: a, steps: [{run: "true"}]}]'


@pytest.fixture
def server(shown: Shown) -> RunningServer:
    shown.server.heartbeat()
    pipeline = shown.server.define(ONE_JOB)
    for status, seconds in (("succeeded", 10), ("succeeded", 30), ("failed", 5)):
        shown.server.run(pipeline)
        job = shown.server.running()
        shown.server.clock.step(seconds)
        shown.server.report(job.id, status)
    return shown.server


def test_an_empty_server_says_so(shown: Shown) -> None:
    page = words(shown.server, "/insight")
    for text in ("No run has ended yet.", "No test report has come yet.", "No agent has connected yet."):
        assert text in page


def test_pipelines_are_told_with_numbers(server: RunningServer) -> None:
    assert "shop/build 3 66 % 20s" in words(server, "/insight")


def test_a_picture_says_in_words_what_it_shows(server: RunningServer) -> None:
    page = get(server, "/insight?project=1&pipeline=build").text
    assert 'aria-label="2 succeeded, 1 failed"' in page
    assert "Bars as high as each run was long, up to 30s" in page


def test_the_table_beside_the_picture_has_each_run(server: RunningServer) -> None:
    page = words(server, "/insight?project=1&pipeline=build")
    assert "#3 failed" in page
    assert "#2 succeeded 30s" in page


def test_agents_tell_how_much_they_worked(server: RunningServer) -> None:
    assert "a 1 3 45s" in words(server, "/insight")


def test_a_project_that_is_not_there_shows_nothing(server: RunningServer) -> None:
    assert "No run has ended yet." in words(server, "/insight?project=none&pipeline=x")


@pytest.mark.parametrize(("longest", "top"), [(0, 1), (17, 20), (61, 120), (90_000, 172_800)])
def test_the_scale_ends_at_a_length_that_reads_well(server: RunningServer, longest: float, top: int) -> None:
    [run, *_] = server.services.runs.insight.look().pipelines[0].runs
    long_one = msgspec.structs.replace(run, seconds=longest)
    assert scale_of([long_one]) == top


def test_nothing_has_no_shares() -> None:
    assert shares({"succeeded": 0, "failed": 0}) == ""
