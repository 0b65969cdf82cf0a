"""Projects: imported project files, and the git repositories that they come from."""

from __future__ import annotations

from dataclasses import dataclass

from cictl_server.services.core import Core
from cictl_server.services.projects.git_places import GitPlaces
from cictl_server.services.projects.histories import CommitHistories
from cictl_server.services.projects.icons import IconFiles
from cictl_server.services.projects.projects import ProjectService
from cictl_server.services.projects.remotes import Remotes


@dataclass(frozen=True, kw_only=True)
class Projects:
    projects: ProjectService
    remotes: Remotes
    histories: CommitHistories

    @classmethod
    def build(cls, core: Core) -> Projects:
        remotes = Remotes(places=GitPlaces())
        icons = IconFiles(core.blobs)
        return cls(
            projects=ProjectService(store=core.store, icons=icons, remotes=remotes, clock=core.clock),
            remotes=remotes,
            histories=CommitHistories(remotes),
        )
