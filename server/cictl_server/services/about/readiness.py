"""Whether the server can do its work, not merely answer."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from cictl.wire.admin.server import Readiness, ReadinessCheck
from cictl_server.errors import ROOM_HINT, StoreError
from cictl_server.services.core.file_watch import FileWatch
from cictl_server.services.core.hub import Hub
from cictl_server.services.core.limits.disk import Disk
from cictl_server.services.core.pulse import INTERVAL_SECONDS, Pulse
from cictl_server.services.secrets.own.key_holders import KeyHolders
from cictl_server.store.contract import Store

MAINTENANCE_LIMIT = timedelta(seconds=12 * INTERVAL_SECONDS)
"""After this time without a pass, maintenance counts as dead. A loaded machine may miss a few passes."""


class ReadinessService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    pulse: Pulse
    hub: Hub
    disk: Disk
    file_watch: FileWatch
    key_holders: KeyHolders

    def examine(self) -> Readiness:
        """Return the result of every check. None of them waits, or touches the disk unless that was full.

        A server whose files can't be reached stays ready: jobs go on, and no other server on the same files could do more.
        """
        checks = [self._stopping(), self._writable(), self._roomy(), self._maintained(), self._opens_secrets()]
        return Readiness(ready=all(check.ok for check in checks), checks=[*checks, self._files()])

    def _stopping(self) -> ReadinessCheck:
        is_stopping = self.hub.is_closed
        return ReadinessCheck(
            name="serving", ok=not is_stopping, detail="the server is stopping" if is_stopping else ""
        )

    def _writable(self) -> ReadinessCheck:
        try:
            self.store.check()
        except StoreError as error:
            return ReadinessCheck(name="store", ok=False, detail=str(error))
        counts = self.store.figures().connections
        detail = ", ".join(f"{count} {name}" for name, count in counts.items())
        return ReadinessCheck(
            name="store", ok=True, detail=f"{self.store.kind} connections: {detail}" if counts else ""
        )

    def _roomy(self) -> ReadinessCheck:
        is_full = self.disk.is_full()
        return ReadinessCheck(name="disk", ok=not is_full, detail=f"it is full: {ROOM_HINT}" if is_full else "")

    def _files(self) -> ReadinessCheck:
        trouble = self.file_watch.trouble
        return ReadinessCheck(name="files", ok=not trouble, detail=trouble)

    def _maintained(self) -> ReadinessCheck:
        silent = self.pulse.age
        is_alive = silent <= MAINTENANCE_LIMIT
        detail = "" if is_alive else f"no pass for {int(silent.total_seconds())} s: see the server's log"
        return ReadinessCheck(name="maintenance", ok=is_alive, detail=detail)

    def _opens_secrets(self) -> ReadinessCheck:
        problem = self.key_holders.problem
        return ReadinessCheck(name="secrets", ok=not problem, detail=problem)
