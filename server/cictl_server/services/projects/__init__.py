"""Projects: imported project files, and the git repositories that they come from."""

from __future__ import annotations

import msgspec

from cictl_server.services.core import Core
from cictl_server.services.projects.git_places import GitPlaces
from cictl_server.services.projects.histories import CommitHistories
from cictl_server.services.projects.icons import IconFiles
from cictl_server.services.projects.looks import LookBook
from cictl_server.services.projects.projects import ProjectService
from cictl_server.services.projects.remotes import Remotes


class Projects(msgspec.Struct, frozen=True, kw_only=True):
    projects: ProjectService
    remotes: Remotes
    histories: CommitHistories
    looks: LookBook

    @classmethod
    def build(cls, core: Core) -> Projects:
        remotes = Remotes(places=GitPlaces(), scratch=core.scratch)
        looks = LookBook(core.signals)
        projects = ProjectService(
            store=core.store,
            icons=IconFiles(core.blobs),
            remotes=remotes,
            looks=looks,
            hub=core.hub,
            clock=core.clock,
        )
        return cls(projects=projects, remotes=remotes, histories=CommitHistories(remotes), looks=looks)
