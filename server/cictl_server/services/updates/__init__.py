"""Updates of the server itself, its restart, and the reload of projects after an update."""

from __future__ import annotations

from pathlib import Path

import msgspec

from cictl_server.services.core import Core
from cictl_server.services.fleet import Fleet
from cictl_server.services.jobs import Jobs
from cictl_server.services.projects import Projects
from cictl_server.services.updates.book import UpdateBook, place_of
from cictl_server.services.updates.fellows import UpdatingFellows
from cictl_server.services.updates.process import ServerProcess
from cictl_server.services.updates.reload import ReloadService
from cictl_server.services.updates.restart import RestartService
from cictl_server.services.updates.tools import UpdateTools
from cictl_server.services.updates.update import UpdateService


class Updates(msgspec.Struct, frozen=True, kw_only=True):
    update: UpdateService
    restart: RestartService
    reload: ReloadService
    fellows: UpdatingFellows

    @classmethod
    def build(
        cls,
        core: Core,
        fleet: Fleet,
        projects: Projects,
        jobs: Jobs,
        directory: Path,
        *,
        tools: UpdateTools,
        process: ServerProcess,
    ) -> Updates:
        book = UpdateBook(store=core.store, place=place_of(directory) if core.signals.is_shared else "")
        fellows = UpdatingFellows(core.signals, book)
        update = UpdateService(
            store=core.store,
            book=book,
            fellows=fellows,
            tools=tools,
            pause=jobs.lease_pause,
            process=process,
            rollout=fleet.rollout,
            clock=core.clock,
            version=core.version,
        )
        return cls(
            update=update,
            restart=RestartService(updates=update, book=book, process=process),
            reload=ReloadService(store=core.store, projects=projects.projects, book=book),
            fellows=fellows,
        )
