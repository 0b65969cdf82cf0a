"""What executions leave behind: artifacts, reports of tests and coverage, and how tests went over time."""

from __future__ import annotations

from pathlib import Path

import msgspec

from cictl_server.services.artifacts.artifacts import ArtifactService
from cictl_server.services.artifacts.limits import ArtifactLimits
from cictl_server.services.artifacts.removal import FileRemoval
from cictl_server.services.artifacts.reports import ReportFiles, ReportService
from cictl_server.services.artifacts.stories import TestStories
from cictl_server.services.core import Core
from cictl_server.services.fleet import Fleet
from cictl_server.services.secrets import Secrets


class Artifacts(msgspec.Struct, frozen=True, kw_only=True):
    artifacts: ArtifactService
    reports: ReportService
    removal: FileRemoval
    stories: TestStories

    @classmethod
    def build(cls, core: Core, fleet: Fleet, secrets: Secrets, directory: Path, *, limits: ArtifactLimits) -> Artifacts:
        store, blobs, presence, masks = core.store, core.blobs, fleet.presence, secrets.masks
        files, removal, stories = ReportFiles(blobs), FileRemoval(blobs=blobs), TestStories(store=store)
        return cls(
            artifacts=ArtifactService(
                blobs,
                directory,
                store=store,
                reports=files,
                removal=removal,
                presence=presence,
                masks=masks,
                limits=limits,
                disk=core.disk,
                clock=core.clock,
            ),
            reports=ReportService(
                files=files,
                removal=removal,
                stories=stories,
                store=store,
                presence=presence,
                masks=masks,
                clock=core.clock,
            ),
            removal=removal,
            stories=stories,
        )
