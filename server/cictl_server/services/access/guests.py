"""Readers without a token, where the server lets them read: how much each address may ask."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from datetime import datetime

import msgspec

AT_ONCE = 60
"""How many requests an address may send in a row: some pages with what they load."""
PER_SECOND = 4.0
"""How many it may send in the long run."""

_MOST_ADDRESSES = 10_000


class _Purse(msgspec.Struct):
    """What an address may still send, as of an instant."""

    left: float
    told: datetime


class Guests:
    """The requests of readers without a token by address, in memory only. Several servers count each for itself."""

    def __init__(self) -> None:
        self._purses: OrderedDict[str, _Purse] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, address: str, now: datetime) -> int:
        """Count a request from *address*.

        Returns:
            0 if it may pass, else after how many seconds the next one may.
        """
        with self._lock:
            purse = self._purses.setdefault(address, _Purse(AT_ONCE, now))
            self._purses.move_to_end(address)
            if len(self._purses) > _MOST_ADDRESSES:
                self._purses.popitem(last=False)
            passed = max(0.0, (now - purse.told).total_seconds())  # the clock may be set back
            purse.left, purse.told = min(AT_ONCE, purse.left + passed * PER_SECOND), now
            if purse.left < 1:
                return math.ceil((1 - purse.left) / PER_SECOND)
            purse.left -= 1
            return 0
