"""Reloading every project after an update: a newer version may read more from the project files."""

from __future__ import annotations

import logging

from cictl.wire.admin.updates import UpdateKey
from cictl.wire.audit.records import AuditAction, TargetKind
from cictl_server.errors import CictlError
from cictl_server.services.core.deeds import deed_of_system
from cictl_server.services.projects.projects import ProjectService
from cictl_server.services.updates.book import UNFINISHED, UpdateBook
from cictl_server.store.contract import Store

logger = logging.getLogger(__name__)

_COMPLETE = "post-update project reload complete"
_INCOMPLETE = "post-update project reload incomplete; retry on next restart"


class ReloadService:
    """Reloads for all servers on the same data, so the one that leads does it, whichever was updated."""

    def __init__(self, *, store: Store, projects: ProjectService, book: UpdateBook) -> None:
        self.store = store
        self.projects = projects
        self.book = book
        self._has_failed = False

    def run_if_pending(self) -> None:
        """Reload the projects if they were not reloaded since the last update. May take minutes.

        A project that can't be reloaded stays as it was. All are then tried again at the next start. While this server itself is
        being updated, nothing is reloaded: the new version will read more.
        """
        if self._has_failed or self.book.find(UpdateKey.RELOAD_PENDING) != "1":
            return
        if self.book.find(UpdateKey.STATUS) in UNFINISHED:
            return
        with self.store.read() as view:
            ids = [p.id for p in view.projects.iter_all() if p.repo_url and p.config_file and "/" not in p.config_file]
        failed = [project_id for project_id in ids if not self._reload(project_id)]
        if not failed:
            self.book.write({UpdateKey.RELOAD_PENDING: "0", **({UpdateKey.RELOAD_MESSAGE: _COMPLETE} if ids else {})})
        else:
            self._has_failed = True
            self.book.write({UpdateKey.RELOAD_MESSAGE: _INCOMPLETE})

    def _reload(self, project_id: int) -> bool:
        try:
            with deed_of_system(AuditAction.PROJECT_RELOADED, awaits=TargetKind.PROJECT, name="update"):
                self.projects.reload_project(project_id)
        except CictlError as error:
            logger.warning("project not reloaded after the update project=%d: %s", project_id, error)
            return False
        return True
