from __future__ import annotations

import threading
from functools import partial

from cictl_agent.system.timers import Timers


def test_actions_run_in_the_order_of_their_times() -> None:
    timers, all_there, done, order = Timers(), threading.Event(), threading.Event(), list[int]()
    timers.after(0, all_there.wait)
    for number in (3, 1, 2):
        timers.after(number * 100 - 1000, partial(order.append, number))
    timers.after(-500, done.set)
    all_there.set()
    assert done.wait(30)
    assert order == [1, 2, 3]


def test_what_is_called_off_is_not_done() -> None:
    timers, all_there, done, order = Timers(), threading.Event(), threading.Event(), list[str]()
    timers.after(-2000, all_there.wait)
    off = timers.after(-1000, lambda: order.append("off"))
    assert timers.cancel(off)
    timers.after(0, done.set)
    all_there.set()
    assert done.wait(30)
    assert order == []


def test_it_is_too_late_to_call_off_what_has_begun() -> None:
    timers, begun = Timers(), threading.Event()
    timer = timers.after(0, begun.set)
    assert begun.wait(30)
    assert not timers.cancel(timer)


def test_times_that_no_clock_can_wait_for_are_fine() -> None:
    timers, done = Timers(), threading.Event()
    timers.after(1e12, lambda: None)
    timers.after(0, done.set)
    assert done.wait(30)
