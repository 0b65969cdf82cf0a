"""Work that a server does again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from cictl_server.background import Background
from cictl_server.errors import StoreAway


def passes(errors: list[Exception]) -> tuple[Callable[[], None], threading.Event]:
    """Return work that fails with *errors*, one a pass, and an event that is set once it has not failed."""
    left, succeeded = iter(errors), threading.Event()

    def work() -> None:
        for error in left:
            raise error
        succeeded.set()

    return work, succeeded


def test_work_that_fails_is_done_again_and_an_outage_is_not_logged_at_each_pass(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stopping = threading.Event()
    background = Background(stopping)
    work, succeeded = passes([StoreAway(), ValueError("odd"), StoreAway()])
    background.repeat("sweeping", work, first=0, pause=0.001)
    assert succeeded.wait(60)
    stopping.set()
    background.join()
    assert [record.message for record in caplog.records] == ["sweeping failed"]


def test_the_end_waits_for_work_that_is_under_way() -> None:
    stopping, begun, may_end = threading.Event(), threading.Event(), threading.Event()
    done: list[bool] = []

    def work() -> None:
        begun.set()
        done.append(may_end.wait(60))

    background = Background(stopping)
    background.repeat("long", work, first=0, pause=0)
    assert begun.wait(60)
    stopping.set()
    threading.Timer(0.05, may_end.set).start()
    background.join()
    assert done == [True]


def test_work_does_not_begin_before_its_time() -> None:
    stopping = threading.Event()
    background = Background(stopping)
    work, began = passes([])
    background.repeat("late", work, first=60, pause=0)
    stopping.set()
    background.join()
    assert not began.is_set()
