"""Doing something later, unless it is called off before: one thread for all jobs, since most of what they put off never comes."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(order=True)
class Timer:
    """Something that will be done once.

    Attributes:
        due: When, by `time.monotonic`.
    """

    due: float
    number: int
    action: Callable[[], object] = field(compare=False)
    is_off: bool = field(default=False, compare=False)


class Timers:
    """Timers of one agent. Their actions run in one thread after the other, so they must be short."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[Timer] = []
        self._count = 0
        self._wakes_at = float("inf")
        """When the thread looks next by itself. Most timers are called off, and to wake it for each would cost more than they do."""
        self._thread: threading.Thread | None = None

    def after(self, seconds: float, action: Callable[[], object]) -> Timer:
        """Call *action* when so many seconds have passed."""
        with self._changed:
            self._count += 1
            timer = Timer(time.monotonic() + seconds, self._count, action)
            heapq.heappush(self._waiting, timer)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="timers", daemon=True)
                self._thread.start()
            elif timer.due < self._wakes_at:
                self._changed.notify()
        return timer

    def cancel(self, timer: Timer) -> bool:
        """Call a timer off; tell whether that came before its time. If it did not, its action may still be running."""
        with self._changed:
            was_on, timer.is_off = not timer.is_off, True
        return was_on

    def _run(self) -> None:
        while True:
            self._next().action()

    def _next(self) -> Timer:
        """Wait for the next timer that is due."""
        with self._changed:
            while True:
                while self._waiting and self._waiting[0].is_off:
                    heapq.heappop(self._waiting)
                left = self._waiting[0].due - time.monotonic() if self._waiting else None
                if left is not None and left <= 0:
                    timer = heapq.heappop(self._waiting)
                    timer.is_off = True
                    return timer
                self._wakes_at = float("inf") if left is None else self._waiting[0].due
                self._changed.wait(left if left is None else min(left, threading.TIMEOUT_MAX))
                self._wakes_at = float("-inf")
