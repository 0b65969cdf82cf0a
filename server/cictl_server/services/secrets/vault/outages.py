"""Vaults that don't answer, remembered for a while: not every job of a full queue has to find that out anew."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from cictl.base.backoff import Backoff
from cictl.base.clock import Clock
from cictl_server.store.records.secrets import VaultConnectionRecord

_BACKOFF = Backoff(first=1, most=30)

HEAD_START = timedelta(seconds=0.5)
"""How much earlier another execution may try than the one that failed: perhaps only that one's secret is the problem."""

ATTEMPT = timedelta(seconds=5)
"""How long one execution tries a Vault that was out. The others wait meanwhile, so that only one hangs."""

_REMEMBERED = timedelta(minutes=2)
"""How long after its end an outage is known of which nobody sees the end, because nothing needs that Vault any more."""


def pause_after(failures: int) -> timedelta:
    """Return the pause after *failures* failures in a row: 1, 2, 4, 8, 16 s, then 30."""
    return timedelta(seconds=_BACKOFF.after(failures))


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """A Vault that must not be asked before `until`.

    Attributes:
        text: The error of the last attempt.
        tried_for: The id of the execution for which it is asked again now; empty when it is not.
    """

    failures: int
    until: datetime
    text: str
    tried_for: str = ""


class Outages:
    """The present outages, in memory only: after a restart of the server each Vault gets a new chance.

    Several servers find out each for itself, because one may reach a Vault that another one can't. So a Vault that is out is
    tried once by each; the executions that wait for it are put off in their records, which all servers see. A connection that
    somebody saves, at whichever server, has another `updated`, so nothing is known against it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[VaultConnectionRecord, Outage] = {}
        self._lock = threading.Lock()

    @property
    def any(self) -> bool:
        """Whether any Vault has failed lately."""
        if not self._known:
            return False
        oldest = self._clock() - _REMEMBERED
        with self._lock:
            self._known = {known: outage for known, outage in self._known.items() if outage.until > oldest}
        return bool(self._known)

    def find(self, connection: VaultConnectionRecord, job_id: str) -> Outage | None:
        """Return the present outage of *connection* for an execution; None if it may ask.

        When an outage is over, the first execution gets None, as often as it comes, and tries the Vault. For the others the
        outage lasts `ATTEMPT` longer, until the result of that attempt. A connection that was changed has no outage.
        """
        with self._lock:
            outage = self._known.get(connection)
            if outage is None or job_id == outage.tried_for:
                return None
            if self._clock() < outage.until:
                return outage
            self._known[connection] = replace(outage, until=self._clock() + ATTEMPT, tried_for=job_id)
            return None

    def begin(self, connection: VaultConnectionRecord, text: str) -> Outage:
        """Note that this Vault failed once more."""
        now = self._clock()
        with self._lock:
            before = self._known.get(connection)
            if before is not None and now < before.until and not before.tried_for:
                return before  # several requests that fail together count as one failure
            failures = before.failures + 1 if before else 1
            outage = Outage(failures=failures, until=now + pause_after(failures) - HEAD_START, text=text)
            self._known[connection] = outage
            return outage

    def forget(self, connection_id: int) -> None:
        """Forget the outage of a connection that was changed or deleted."""
        with self._lock:
            self._known = {known: outage for known, outage in self._known.items() if known.id != connection_id}

    def end(self, connection: VaultConnectionRecord) -> None:
        """Note that this Vault has answered."""
        if connection in self._known:
            with self._lock:
                self._known.pop(connection, None)
