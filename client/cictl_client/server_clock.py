"""The server's clock, as its answers tell it: instants of the server must not be compared with a clock of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from cictl.base.clock import utc_now

_NOISE = timedelta(seconds=2)
"""`Date` tells whole seconds, and is on its way for a while: clocks that differ by less count as equal."""


class ServerClock:
    """What the time is on the server. Until an answer came it is that of this machine."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def note(self, headers: Mapping[str, str]) -> None:
        """Take the time from the `Date` of an answer (RFC 9110, 6.6.1) that has just come."""
        try:
            told = parsedate_to_datetime(headers.get("date", ""))
        except ValueError:
            return
        ahead = (told if told.tzinfo else told.replace(tzinfo=UTC)) - utc_now()
        self._ahead = ahead if abs(ahead) >= _NOISE else timedelta(0)

    def now(self) -> datetime:
        return utc_now() + self._ahead
