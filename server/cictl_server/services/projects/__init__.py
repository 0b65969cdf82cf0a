"""Projects: imported project files, and the git repositories that they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cictl_server.services.core import Core
from cictl_server.services.projects.icons import IconFiles
from cictl_server.services.projects.projects import ProjectService


@dataclass(frozen=True, kw_only=True)
class Projects:
    projects: ProjectService

    @classmethod
    def build(cls, core: Core, directory: Path) -> Projects:
        return cls(
            projects=ProjectService(store=core.store, icons=IconFiles(directory / "icons"), clock=core.clock),
        )
