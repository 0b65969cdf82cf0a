"""Vaults that don't answer: remembered for a while, so that a queue full of jobs does not wait for each of them anew."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cictl.base.backoff import Backoff
from cictl.base.clock import Clock
from cictl_server.store.records import VaultConnectionRecord

_BACKOFF = Backoff(first=1, most=30)

HEAD_START = timedelta(seconds=0.5)
"""How much earlier than the execution that failed another one may try: what fails may be that one's secret alone."""

ATTEMPT = timedelta(seconds=5)
"""How long one may try a Vault that was out; so long the others wait, lest each of them hangs for it."""


def pause_after(failures: int) -> timedelta:
    """Return how long to wait after so many failures in a row: 1, 2, 4, 8, 16 s, then 30."""
    return timedelta(seconds=_BACKOFF.after(failures))


@dataclass(frozen=True, kw_only=True)
class Outage:
    """A Vault that is not to be asked before `until`.

    Attributes:
        text: What it failed with.
        is_tried: Somebody is asking it again now.
    """

    failures: int
    until: datetime
    text: str
    is_tried: bool = False


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
        """Return the outage that lasts now; a connection that was changed since has none.

        Who gets None after an outage is the one to try: the others go on waiting for what comes of it.
        """
        with self._lock:
            outage = self._known.get(connection)
            if outage is None or self._clock() < outage.until:
                return outage
            self._known[connection] = replace(outage, until=self._clock() + ATTEMPT, is_tried=True)
            return None

    def begin(self, connection: VaultConnectionRecord, text: str) -> Outage:
        """Note that this Vault failed once more."""
        now = self._clock()
        with self._lock:
            before = self._known.get(connection)
            if before is not None and now < before.until and not before.is_tried:
                return before  # of several that failed at once only the first counts
            failures = before.failures + 1 if before else 1
            outage = Outage(failures=failures, until=now + pause_after(failures) - HEAD_START, text=text)
            self._known[connection] = outage
            return outage

    def forget(self, connection_id: int) -> None:
        """Forget what was known of a connection that was changed or deleted."""
        with self._lock:
            self._known = {known: outage for known, outage in self._known.items() if known.id != connection_id}

    def end(self, connection: VaultConnectionRecord) -> None:
        """Note that this Vault has answered."""
        if connection in self._known:
            with self._lock:
                self._known.pop(connection, None)
