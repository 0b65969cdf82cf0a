"""Pages take turns: however many people look, they keep few threads busy, and agents and `/healthz` never wait behind them."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

AT_ONCE = 2
"""So many pages are made at a time: one waits for the processor while the other one reads."""

IsPage = Callable[[str, str], bool]
"""Tells from method and path whether a request asks for a page that only shows something."""


class Turns:
    """The requests of pages. So many are answered at once; the others wait in the order in which they came, and hold no thread."""

    def __init__(self, hand_on: Callable[[Any], None], *, is_page: IsPage) -> None:
        """Pass what may be answered to *hand_on*, which gives it to a thread and does not wait."""
        self._hand_on = hand_on
        self._is_page = is_page
        self._lock = threading.Lock()
        self._most = AT_ONCE
        self._busy = 0
        self._waiting: deque[_Turn] = deque()

    def add(self, channel: Any) -> None:
        """Let *channel*, a connection whose next request is complete, be answered now, or when it is its turn."""
        request = channel.requests[0]
        if request.error is not None or not self._is_page(request.command, request.path):
            self._hand_on(channel)
            return
        self.take(channel)

    def take(self, page: Any) -> None:
        """Let *page*, which answers a request of a page, be served now, or when it is its turn."""
        turn = _Turn(page, self._next)
        with self._lock:
            if self._busy >= self._most:
                self._waiting.append(turn)
                return
            self._busy += 1
        self._hand_on(turn)

    def end(self) -> None:
        """Let all be answered that wait, and all that come: the server stops."""
        with self._lock:
            self._most, waiting = sys.maxsize, list(self._waiting)
            self._waiting.clear()
            self._busy += len(waiting)
        for turn in waiting:
            self._hand_on(turn)

    def _next(self) -> None:
        with self._lock:
            if not self._waiting:
                self._busy -= 1
                return
            turn = self._waiting.popleft()
        self._hand_on(turn)


class _Turn:
    """One request of a page, as a task of the threads."""

    def __init__(self, page: Any, end: Callable[[], None]) -> None:
        self._page = page
        self._end = end

    def service(self) -> None:
        try:
            self._page.service()
        finally:
            self._end()

    def cancel(self) -> None:
        self._page.cancel()
        self._end()
