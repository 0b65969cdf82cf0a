"""Vaults that don't answer: remembered for a while, so that a queue full of jobs does not wait for each of them anew."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from cictl_server.services.ids import Clock
from cictl_server.store.records import VaultConnectionRecord

LONGEST_PAUSE = timedelta(seconds=30)


def pause_after(failures: int) -> timedelta:
    """Return how long to wait after so many failures in a row: 1, 2, 4, 8, 16 s, then 30."""
    return min(timedelta(seconds=2 ** min(failures - 1, 10)), LONGEST_PAUSE)


@dataclass(frozen=True, kw_only=True)
class Outage:
    """A Vault that is not to be asked before `until`; `text` is what it failed with."""

    failures: int
    until: datetime
    text: str


class Outages:
    """In memory: after a restart of the server each Vault gets a new chance."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[VaultConnectionRecord, Outage] = {}
        self._lock = threading.Lock()

    @property
    def any(self) -> bool:
        """Whether any Vault has failed lately."""
        return bool(self._known)

    def find(self, connection: VaultConnectionRecord) -> Outage | None:
        """Return the outage that lasts now; a connection that was changed since has none."""
        outage = self._known.get(connection)
        return outage if outage is not None and self._clock() < outage.until else None

    def begin(self, connection: VaultConnectionRecord, text: str) -> Outage:
        """Note that this Vault failed once more."""
        now = self._clock()
        with self._lock:
            before = self._known.get(connection)
            if before is not None and now < before.until:  # of several that failed at once only the first counts
                return before
            failures = before.failures + 1 if before else 1
            outage = Outage(failures=failures, until=now + pause_after(failures), text=text)
            self._known = {known: kept for known, kept in self._known.items() if known.id != connection.id}
            self._known[connection] = outage
            return outage

    def end(self, connection: VaultConnectionRecord) -> None:
        """Note that this Vault has answered."""
        if connection in self._known:
            with self._lock:
                self._known.pop(connection, None)
