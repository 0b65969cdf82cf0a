"""How many refused and failed requests are recorded. Anybody can send them, and each record costs a write to the disk."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime, timedelta
from enum import Enum, auto

OF_ONE = 30
"""Records a minute of one token, or of one address without one."""
OF_ALL = 300

_WINDOW = timedelta(minutes=1)


class Verdict(Enum):
    RECORD = auto()
    RECORD_LIMIT = auto()
    """It is the first one too many: record that there are more."""
    LEAVE_OUT = auto()


class RefusalBudget:
    """Counts by minute, in memory only."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._total = 0
        self._since: datetime | None = None
        self._lock = threading.Lock()

    def spend(self, caller: str, now: datetime, *, most: int = OF_ONE) -> Verdict:
        """Count one more of *caller*, and say what to record."""
        with self._lock:
            if self._since is None or not timedelta() <= now - self._since < _WINDOW:
                self._counts.clear()
                self._total, self._since = 0, now
            if self._total > OF_ALL:
                return Verdict.LEAVE_OUT
            self._counts[caller] += 1
            if self._counts[caller] > most + 1:
                return Verdict.LEAVE_OUT
            self._total += 1
            is_over = self._counts[caller] > most or self._total > OF_ALL
        return Verdict.RECORD_LIMIT if is_over else Verdict.RECORD
