"""Ctrl-C at a moment when it does no harm."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from cictl.cli.app.interrupts import interrupted_after


@pytest.fixture(autouse=True)
def usual_handler() -> Iterator[None]:
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_what_was_begun_is_done_first() -> None:
    done = []

    def work() -> None:
        with interrupted_after():
            press()
            done.append("written")
            done.append("noted")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["written", "noted"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_one_does_not_wait() -> None:
    done = []

    def work() -> None:
        with interrupted_after():
            press()
            done.append("blocked")
            press()
            done.append("never")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["blocked"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_it_is_ignored_it_stays_so() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupted_after():
        press()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_other_threads_are_left_alone() -> None:
    seen = []

    def work() -> None:
        with interrupted_after():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
