"""Answers that are put aside: each goes on once, whatever wakes it."""

from __future__ import annotations

import queue
import weakref
from typing import Any

from cictl_server.httpd.parking import Lot
from cictl_server.signals.waits import Awaited, Watch

DEADLINE_SECONDS = 60


class Answer:
    """An answer that notes in `gone_on` that it goes on."""

    def __init__(self, gone_on: queue.Queue[Answer]) -> None:
        self._gone_on = gone_on

    def service(self) -> None:
        self._gone_on.put(self)

    def cancel(self) -> None:
        pass


def hand_on(task: Any) -> None:
    task.service()


def test_news_and_the_time_together_let_an_answer_go_on_once() -> None:
    lot = Lot(hand_on)
    gone_on: queue.Queue[Answer] = queue.Queue()
    for _ in range(3):  # each needs the thread that keeps the time, so that must have outlived the one before
        watch = Watch()
        watch.set()
        lot.park(answer := Answer(gone_on), Awaited(watch=watch, seconds=0.05, least=0.05))
        assert gone_on.get(timeout=DEADLINE_SECONDS) is answer
    lot.drain(DEADLINE_SECONDS)
    assert gone_on.empty()


def test_an_answer_that_has_gone_on_is_not_kept_until_its_time() -> None:
    """A crowd that asks for work and leaves, again and again, would fill the memory."""
    lot = Lot(hand_on)
    gone_on: queue.Queue[Answer] = queue.Queue()
    lot.park(answer := Answer(gone_on), Awaited(watch=Watch(), seconds=600))
    lot.wake(answer)
    assert gone_on.get(timeout=DEADLINE_SECONDS) is answer
    known = weakref.ref(answer)
    del answer
    assert known() is None
    lot.drain(DEADLINE_SECONDS)


def test_nothing_is_put_aside_after_the_last_has_gone_on() -> None:
    lot = Lot(hand_on)
    gone_on: queue.Queue[Answer] = queue.Queue()
    assert lot.park(Answer(gone_on), Awaited(watch=None, seconds=600))
    lot.drain(DEADLINE_SECONDS)
    assert gone_on.qsize() == 1
    assert not lot.park(Answer(gone_on), Awaited(watch=None, seconds=0))
    assert len(lot) == 0
