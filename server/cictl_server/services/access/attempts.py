"""Counting the wrong tokens that come from each address."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict, deque
from datetime import datetime, timedelta

LIMIT = 10
"""This many wrong tokens in a minute, and the address is told no more whether a token is wrong."""

_WINDOW = timedelta(minutes=1)
_MOST_ADDRESSES = 10_000


class Attempts:
    """The latest wrong tokens by address, in memory only.

    Several servers count each for itself, so an address gets `LIMIT` tries at each. That is harmless: a token has more than a
    hundred random bits, and the limit only keeps guessers from taking the server's time.
    """

    def __init__(self) -> None:
        self._times: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, address: str, now: datetime) -> int:
        """Count a wrong token from *address*.

        Returns:
            After how many seconds the next one is below the limit again; 0 if this one is.
        """
        with self._lock:
            times = self._times.setdefault(address, deque(maxlen=LIMIT))
            self._times.move_to_end(address)
            if len(self._times) > _MOST_ADDRESSES:
                self._times.popitem(last=False)
            if times and times[-1] > now:  # the clock was set back
                times.clear()
            times.append(now)
            if len(times) < LIMIT or times[0] + _WINDOW <= now:
                return 0
            until = times[1] + _WINDOW  # the next one is the tenth since the second of these
        return math.ceil((until - now).total_seconds())
