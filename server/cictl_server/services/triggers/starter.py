"""Storing the runs that a change of a ref starts, each once."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from cictl.wire.audit.records import AuditAction, TargetKind
from cictl.wire.triggers import NothingStarted, StartedRun
from cictl_server.services.core.deeds import deed_of_system
from cictl_server.services.pipelines.runs import RunService
from cictl_server.services.projects.projects import ProjectService
from cictl_server.services.projects.ref_lists import RefList
from cictl_server.services.projects.remotes import Remotes
from cictl_server.services.projects.seen_refs import SeenRefsChange
from cictl_server.services.triggers.changes import RefChange
from cictl_server.services.triggers.plan import Change, Plan, Planner
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.projects import ProjectRecord


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a change.

    Attributes:
        is_final: The change is dealt with; else the next look tries again.
    """

    started: list[StartedRun] = msgspec.field(default_factory=list)
    not_started: list[NothingStarted] = msgspec.field(default_factory=list)
    is_final: bool = True


class Starter(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    remotes: Remotes
    planner: Planner
    projects: ProjectService
    runs: RunService

    def start(self, project: ProjectRecord, moved: RefChange, refs: RefList) -> Outcome:
        """Start what a new commit asks for, and note that its ref was seen there.

        Both are one transaction, which does nothing if the ref was seen elsewhere meanwhile. So of two looks, at one server or
        two, one starts the runs.

        Raises:
            GitFailed, NoCapacity, DiskLow, LimitReached: Nothing was started or noted; the next look tries again.
        """
        self.runs.disk.check_room("run")
        with self.remotes.fetched(project.repo_url, moved.after) as tree:
            change = Change(project=project, moved=moved, tree=tree, refs=refs)
            plan = self.planner.plan(change)
        action, awaits = AuditAction.PROJECT_RELOADED, TargetKind.PROJECT
        if plan.starts_runs:
            action, awaits = AuditAction.RUN_STARTED, TargetKind.RUN
        with deed_of_system(action, awaits=awaits):
            return self.store.write(lambda tx: self._store(tx, change, plan))

    def _store(self, tx: Transaction, change: Change, plan: Plan) -> Outcome:
        project, moved = tx.projects.find(change.project.id), change.moved
        if project is None or SeenRefsChange(tx, project).find(moved.ref) != moved.before:
            return Outcome(not_started=[change.nothing("another look has dealt with it")])
        SeenRefsChange(tx, project).note({moved.ref: moved.after})
        if plan.view is not None:
            self.projects.store_definition(tx, project, plan.view, plan.icon)
        return Outcome(started=list(self._put(tx, moved, plan)), not_started=plan.reasons)

    def _put(self, tx: Transaction, moved: RefChange, plan: Plan) -> Iterator[StartedRun]:
        for prepared, jobs in plan.runs:
            number = self.runs.put(tx, prepared, jobs)
            yield StartedRun(run_number=number, ref=moved.ref, sha=moved.after, pipeline=prepared.name)
        for failed in plan.failed:
            number = self.runs.put_failed(tx, failed)
            yield StartedRun(
                run_number=number, ref=moved.ref, sha=moved.after, pipeline=failed.pipeline, error=failed.error
            )
