"""The clock of the database, which all its servers share."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from psycopg import Connection


class DatabaseClock:
    """Tells the time of the database, by how much time has passed here since it was asked.

    So it does not matter how the clock of this machine is set. A new answer counts only if it differs from what was expected by
    more than it is inexact.
    """

    def __init__(self, connection: Connection) -> None:
        self._then, self._at, _ = _ask(connection)

    def __call__(self) -> datetime:
        return self._then + timedelta(seconds=time.monotonic() - self._at)

    def measure(self, connection: Connection) -> None:
        """Ask the database again."""
        then, at, inexact = _ask(connection)
        expected = self._then + timedelta(seconds=at - self._at)
        if abs(then - expected) > inexact:
            self._then, self._at = then, at


def _ask(connection: Connection) -> tuple[datetime, float, timedelta]:
    """Return the database's time, when it was so by `time.monotonic`, and how inexact that is: half of the time that asking took."""
    asked = time.monotonic()
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    half = (time.monotonic() - asked) / 2
    return row[0], asked + half, timedelta(seconds=half)
