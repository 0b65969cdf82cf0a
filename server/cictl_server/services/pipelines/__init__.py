"""Pipelines and chains: their runs, previews of runs, and views of their definitions."""

from __future__ import annotations

import msgspec

from cictl_server.services.about import About
from cictl_server.services.artifacts.limits import ArtifactLimits
from cictl_server.services.core import Core
from cictl_server.services.fleet import Fleet
from cictl_server.services.history import History
from cictl_server.services.pipelines.commits import CommitNotes
from cictl_server.services.pipelines.definition_views import InspectService
from cictl_server.services.pipelines.previews import PreviewService
from cictl_server.services.pipelines.run_preparation import Preparer
from cictl_server.services.pipelines.runs import RunService
from cictl_server.services.pipelines.source_refs import SourceRefService
from cictl_server.services.pipelines.staleness import StaleDefinitions
from cictl_server.services.pipelines.version_steps import VersionService
from cictl_server.services.pipelines.worktrees import WorktreeService
from cictl_server.services.policies import Policies
from cictl_server.services.projects import Projects
from cictl_server.services.secrets import Secrets


class Pipelines(msgspec.Struct, frozen=True, kw_only=True):
    preparer: Preparer
    runs: RunService
    worktrees: WorktreeService
    previews: PreviewService
    definition_views: InspectService
    source_refs: SourceRefService
    version_steps: VersionService

    @classmethod
    def build(
        cls,
        core: Core,
        history: History,
        fleet: Fleet,
        policies: Policies,
        secrets: Secrets,
        projects: Projects,
        about: About,
        *,
        artifact_limits: ArtifactLimits,
    ) -> Pipelines:
        store, numbers, remotes = core.store, core.ids, projects.remotes
        preparer = Preparer(
            store=store,
            remotes=remotes,
            stale_definitions=StaleDefinitions(remotes),
            commits=CommitNotes(remotes),
            numbers=numbers,
            asks_approvals=policies.asks_approvals,
        )
        runs = RunService(
            store=store,
            settler=history.settling,
            preparer=preparer,
            numbers=numbers,
            clock=core.clock,
            disk=core.disk,
            limits=history.limits,
        )
        return cls(
            preparer=preparer,
            runs=runs,
            worktrees=WorktreeService(
                store=store,
                blobs=core.blobs,
                remotes=remotes,
                preparer=preparer,
                runs=runs,
                numbers=numbers,
                limits=artifact_limits,
                scratch=core.scratch,
            ),
            previews=PreviewService(
                store=store, preparer=preparer, matching=fleet.matching, runtime=about.runtime, policies=policies
            ),
            definition_views=InspectService(store=store, preparer=preparer, vault_tests=secrets.testing),
            source_refs=SourceRefService(store=store, remotes=remotes),
            version_steps=VersionService(store=store, hub=core.hub, remotes=remotes),
        )
