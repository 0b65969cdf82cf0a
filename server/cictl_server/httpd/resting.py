"""Sockets of which nothing is expected soon, on one selector.

waitress looks at each of its sockets whenever it looks at any. With thousands that are silent this alone would take all its
time, so those are given to a selector of the system, and waitress sees them as one.
"""

from __future__ import annotations

import selectors
from collections import deque
from typing import Any

from waitress import wasyncore


class Resting(wasyncore.dispatcher):  # type: ignore[misc]  # waitress has no types
    """The sockets that rest. All but `call` is for the thread of the loop."""

    def __init__(self, channels: dict[int, Any]) -> None:
        """Take sockets out of *channels*, which waitress looks at, and put them back when they have news."""
        super().__init__(map=channels)
        self._channels = channels
        self._selector = selectors.DefaultSelector()
        self._called = deque[Any]()
        fileno = getattr(self._selector, "fileno", None)
        self._is_able = fileno is not None  # where the system has no such selector, nothing ever rests
        if fileno is not None:
            self._fileno = fileno()
            channels[self._fileno] = self

    def add(self, channel: Any) -> None:
        """Let a channel rest, if it is quiet."""
        number = channel._fileno
        is_looked_at = self._channels.get(number) is channel
        if not (self._is_able and is_looked_at and channel.is_quiet):
            return
        del self._channels[number]
        self._selector.register(number, selectors.EVENT_READ, channel)
        channel.is_resting = True
        if not channel.is_quiet:  # a thread went on with its answer just now, and did not see that it rests
            self._get_up(channel)

    def leave(self, channel: Any) -> None:
        """Forget a channel, whose socket is about to be closed."""
        if channel.is_resting:
            channel.is_resting = False
            self._selector.unregister(channel._fileno)

    def call(self, channel: Any) -> None:
        """Ask that the loop look at a channel; at its next turn one that rests gets up, and another one rests if it is quiet."""
        self._called.append(channel)

    def settle(self) -> None:
        """Do what was asked by `call`."""
        while self._called:
            channel: Any = self._called.popleft()
            if channel.is_resting and not channel.is_quiet:
                self._get_up(channel)
            elif not channel.is_resting:
                self.add(channel)

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None:
        for key, _ in self._selector.select(0):
            self._get_up(key.data)

    def close(self) -> None:
        self._channels.pop(self._fileno, None)
        self._selector.close()

    def _get_up(self, channel: Any) -> None:
        self.leave(channel)
        self._channels[channel._fileno] = channel
