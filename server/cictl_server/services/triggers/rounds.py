"""Looks at all projects, again and again: each at its time, several at once."""

from __future__ import annotations

import logging
from datetime import datetime

from cictl.base.clock import Clock
from cictl_server.errors import CictlError
from cictl_server.services.core.hub import Hub
from cictl_server.services.projects.hook_book import pending_hooks
from cictl_server.services.projects.looks import LookBook
from cictl_server.services.triggers.checks import CheckService
from cictl_server.services.triggers.lanes import Lanes
from cictl_server.signals.topics import PROJECTS
from cictl_server.store.contract import Store
from cictl_server.store.records.projects import ProjectRecord

logger = logging.getLogger(__name__)

DEFAULT_POLL_SECONDS = 60
_PASS_SECONDS = 5.0
"""How long a pass waits at most for a project that is due."""


class Rounds:
    """The work of the server that leads. It only decides when to look; a look is right even if two servers make it."""

    def __init__(self, *, store: Store, checks: CheckService, looks: LookBook, hub: Hub, clock: Clock) -> None:
        self._store = store
        self._checks = checks
        self._looks = looks
        self._clock = clock
        self._news = hub.news(PROJECTS)
        self._lanes = Lanes(on_free=self._news.set)

    def run_once(self) -> None:
        """Begin the looks that are due, then wait until the next is, a look ends, or some seconds have passed."""
        self._news.clear()
        now, wait = self._clock(), _PASS_SECONDS
        for due, project in self._dues(now):
            if due > now:
                wait = min(wait, (due - now).total_seconds())
                break
            self._begin(project)
        self._news.wait(wait)

    def close(self) -> None:
        """Begin no more looks, and wait for the end of those that are under way."""
        self._lanes.close()

    def _dues(self, now: datetime) -> list[tuple[datetime, ProjectRecord]]:
        """Return when each project is due that is looked at again, the earliest first. One of which no look is known is due now."""
        with self._store.read() as view:
            projects = list(view.projects.iter_all())
            hooks = pending_hooks(view)
        looks = self._looks.all()
        dues = []
        for project in projects:
            look, hook = looks.get(str(project.id)), hooks.get(str(project.id))
            due = now if look is None or (hook is not None and look.begun < hook) else look.due
            if due is not None:
                dues.append((due, project))
        return sorted(dues, key=lambda pair: (pair[0], pair[1].id))

    def _begin(self, project: ProjectRecord) -> None:
        look = self._looks.find(project.id)
        is_failing = look is not None and look.failures > 0
        self._lanes.begin(project.id, project.repo_url, is_failing=is_failing, look=lambda: self._look(project))

    def _look(self, project: ProjectRecord) -> None:
        try:
            found = self._checks.check(project.id)
            if found.started:
                numbers = ", ".join(str(run.run_number) for run in found.started)
                logger.info("look started runs project=%s runs=%s", project.name, numbers)
        except CictlError as error:
            logger.warning("look failed project=%s: %s", project.name, error)
        except Exception:  # the next look tries again
            logger.exception("look failed project=%s", project.name)
