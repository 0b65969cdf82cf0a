"""Looks whose result is noted: when they were, when the next one is due, and why they failed."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from cictl.base.backoff import Backoff
from cictl.base.clock import Clock
from cictl.wire.events import EventKind
from cictl.wire.projects import AS_SERVER
from cictl.wire.triggers import ProjectCheck
from cictl_server.errors import CictlError, NotFound
from cictl_server.services.core.events import EventLog
from cictl_server.services.projects.hook_book import note_look, pending_hooks
from cictl_server.services.projects.looks import Look, LookBook
from cictl_server.services.projects.lookup import get_project
from cictl_server.services.triggers.watcher import Watcher
from cictl_server.store.contract import Store

_FIRST_WAIT, _LONGEST_WAIT = 5.0, 300.0
"""Seconds until a repository is looked at again that failed: once where it has no usual time, and again and again."""


class CheckService(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    poll_seconds: How often repositories are looked at whose project does not say it; 0 for never.
    """

    store: Store
    watcher: Watcher
    looks: LookBook
    events: EventLog
    clock: Clock
    poll_seconds: int

    def check(self, project_id: int) -> ProjectCheck:
        """Look at the repository of a project now, and return what that started.

        Raises:
            NotFound, GitFailed, NoCapacity, DiskLow, LimitReached: As `Watcher.look`.
        """
        begun = self.clock()
        try:
            found = self.watcher.look(project_id)
        except NotFound:
            raise
        except CictlError as error:
            self._note(project_id, begun, error=str(error))
            raise
        except Exception:
            self._note(project_id, begun, error="the server failed; its log says why")
            raise
        self._note(
            project_id, begun, error=f"{found.left} changed refs are left for the next look" if found.left else ""
        )
        if self.store.look(lambda view: str(project_id) in pending_hooks(view)) and not found.left:
            self.store.write(lambda tx: note_look(tx, project_id, begun=begun))
        if found.changed:
            self.events.add(EventKind.PROJECT, str(project_id))
        return found

    def _note(self, project_id: int, begun: datetime, *, error: str) -> None:
        before = self.looks.find(project_id)
        failures = (before.failures if before else 0) + 1 if error else 0
        due = self._next(project_id, self.clock(), failures)
        if error:
            self.events.add(EventKind.PROJECT, str(project_id))
        self.looks.note(project_id, Look(begun=begun, due=due, error=error, failures=failures))

    def _next(self, project_id: int, now: datetime, failures: int) -> datetime | None:
        """Return when to look again: at the usual time, and after failures later and later; these are made up for also without one."""
        with self.store.read() as view:
            own = get_project(view, project_id).poll_seconds
        every = self.poll_seconds if own == AS_SERVER else own
        if failures:
            first = every or _FIRST_WAIT
            return now + timedelta(seconds=Backoff(first=first, most=max(first, _LONGEST_WAIT)).after(failures))
        return now + timedelta(seconds=every) if every else None
