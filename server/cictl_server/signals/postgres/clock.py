"""The clock of the database, which all its servers share."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from psycopg import Connection

from cictl.base.clock import Clock, utc_now

logger = logging.getLogger(__name__)

_WORTH_TELLING = timedelta(seconds=1)


class DatabaseClock:
    """Tells the time of the database, from the machine's clock and what that is known to be wrong by.

    The difference is changed only if it is certain to have changed, so on the machine of the database, or where clocks are kept
    right by NTP, time goes as the machine's does.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._difference = timedelta()

    def __call__(self) -> datetime:
        return self._clock() + self._difference

    def measure(self, connection: Connection) -> None:
        """Ask the database for its time; half of the time that this takes is how inexact the answer is."""
        asked = utc_now()
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        inexact = (utc_now() - asked) / 2
        difference: timedelta = row[0] - asked - inexact
        if abs(difference - self._difference) > inexact:
            if abs(difference - self._difference) > _WORTH_TELLING:
                logger.warning(
                    "clock of this machine differs from the database's by %.1f s", difference.total_seconds()
                )
            self._difference = difference
