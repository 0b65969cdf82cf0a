"""What the new commit of a ref asks for, by the project file of that very commit."""

from __future__ import annotations

import re

import msgspec
from msgspec.structs import replace

from cictl.project_file import Pipeline
from cictl.wire.triggers import NothingStarted
from cictl_server.errors import GitFailed, InvalidProject, InvalidRequest
from cictl_server.services.core.ids import NumberSource
from cictl_server.services.pipelines.commits import note_of
from cictl_server.services.pipelines.dependencies import DependencyUnsatisfied
from cictl_server.services.pipelines.planning import PULL_REQUEST, PUSH
from cictl_server.services.pipelines.run_preparation import CommitStart, Prepared, Preparer
from cictl_server.services.pipelines.runs import FailedRun, RunService
from cictl_server.services.projects.definitions import CommitDefinition, NoProjectFile, read_definition
from cictl_server.services.projects.icons import find_icon
from cictl_server.services.projects.projects import placed
from cictl_server.services.projects.ref_lists import BRANCHES, RefList
from cictl_server.services.projects.remotes import FetchedCommit, Remotes
from cictl_server.services.triggers.changes import RefChange, RefKind
from cictl_server.services.triggers.rules import Paths, reason_against
from cictl_server.store.contract import Store
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.projects import ProjectRecord

_SKIPS = re.compile(r"\[(?:skip ci|ci skip)\]", re.IGNORECASE)


class Plan(msgspec.Struct, kw_only=True):
    """What a change starts, and why nothing else; nothing of it is stored yet.

    Attributes:
        view: The definition that the project has from now on; None if the change is not of the ref that it follows.
        icon: The icon that comes with it.
    """

    runs: list[tuple[Prepared, list[JobRecord]]] = msgspec.field(default_factory=list)
    failed: list[FailedRun] = msgspec.field(default_factory=list)
    reasons: list[NothingStarted] = msgspec.field(default_factory=list)
    view: CommitDefinition | None = None
    icon: bytes | None = None

    @property
    def starts_runs(self) -> bool:
        return bool(self.runs or self.failed)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a ref, and all that decides what it starts.

    Attributes:
        tree: The new commit.
        refs: All refs of the repository as they were at the look.
    """

    project: ProjectRecord
    moved: RefChange
    tree: FetchedCommit
    refs: RefList

    @property
    def tracked_ref(self) -> str:
        """The full name of the ref that the project follows; empty if the remote has it no more, or it is a commit."""
        return self.refs.full_name(self.project.repo_ref)

    @property
    def is_pull_request(self) -> bool:
        return self.moved.kind is RefKind.PULL_REQUEST

    @property
    def base_branch(self) -> str:
        """What pull requests are to be merged into, as far as refs tell: the default branch."""
        return self.refs.default_branch

    def nothing(self, reason: str, pipeline: str = "") -> NothingStarted:
        return NothingStarted(ref=self.moved.ref, reason=reason, pipeline=pipeline)


class Planner(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    remotes: Remotes
    preparer: Preparer
    runs: RunService
    numbers: NumberSource

    def plan(self, change: Change) -> Plan:
        """Return what *change* starts.

        Raises:
            GitFailed, NoCapacity: The commit can't be read now.
        """
        plan, text = Plan(), change.tree.tell()
        start = CommitStart(
            tree=change.tree,
            ref=change.moved.built_ref,
            event=PULL_REQUEST if change.is_pull_request else PUSH,
            commit=note_of(text),
            base_branch=change.base_branch if change.is_pull_request else "",
            is_from_fork=change.is_pull_request,  # refs don't tell whose it is
        )
        is_skipped = _SKIPS.search(text.message) is not None
        if is_skipped:
            plan.reasons.append(change.nothing("the message of its commit says [skip ci]"))
        try:
            definition = read_definition(change.tree, change.project.config_file)
        except NoProjectFile as error:
            plan.reasons.append(change.nothing(str(error)))
            return plan
        except InvalidProject as error:
            if not is_skipped:
                self._add_broken(plan, change, start, str(error))
            return plan
        if not is_skipped:
            self._add_runs(plan, change, start, definition)
        if change.moved.ref == change.tracked_ref:
            plan.view, plan.icon = definition, find_icon(change.tree)
        return plan

    def _add_broken(self, plan: Plan, change: Change, start: CommitStart, error: str) -> None:
        """Add a failed run for a project file that breaks rules, if the one that was loaded last would have started any."""
        with self.store.read() as view:
            known = [record.definition for record in view.pipelines.of_project(change.project.id)]
        if all(_reason_against(pipeline, change, paths=lambda: None) for pipeline in known):
            plan.reasons.append(
                change.nothing(f"no pipeline as loaded last starts by it, and its file is broken: {error}")
            )
        else:
            plan.failed.append(self._failed(change, start, error))

    def _add_runs(self, plan: Plan, change: Change, start: CommitStart, definition: CommitDefinition) -> None:
        start = replace(start, pipelines=definition.file.pipelines)
        for pipeline in (placed(pipeline, change.project) for pipeline in definition.file.pipelines):
            reason = _reason_against(pipeline, change, paths=lambda: self._changed_paths(change))
            try:
                if not reason:
                    prepared = self.preparer.at_commit(change.project, pipeline, start)
                    plan.runs.append((prepared, self.runs.new_jobs(prepared)))
            except DependencyUnsatisfied as error:
                reason = str(error)
            except InvalidRequest as error:
                plan.failed.append(self._failed(change, start, str(error), pipeline.id))
            if reason:
                plan.reasons.append(change.nothing(reason, pipeline.id))

    def _failed(self, change: Change, start: CommitStart, error: str, pipeline: str = "") -> FailedRun:
        run_id = f"run-{self.numbers.next()}"
        return FailedRun(run_id=run_id, project=change.project, start=start, error=error, pipeline=pipeline)

    def _changed_paths(self, change: Change) -> list[str] | None:
        """Return the paths that a push changed; of a new ref or a pull request, since it left the default branch. None if unknown."""
        try:
            known = "" if change.is_pull_request else change.moved.before
            before = known or self._branched_from(change)
            return change.tree.changed_since(before) if before else None
        except GitFailed:  # the former commit may be gone from the remote
            return None

    def _branched_from(self, change: Change) -> str:
        default = change.refs.commits.get(BRANCHES + change.refs.default_branch, "")
        if not default or default == change.tree.commit:
            return ""
        return self.remotes.find_merge_base(change.project.repo_url, default, change.tree.commit)


def _reason_against(pipeline: Pipeline, change: Change, *, paths: Paths) -> str:
    return reason_against(
        pipeline,
        change.moved,
        repo_url=change.project.repo_url,
        tracked_ref=change.tracked_ref,
        base_branch=change.base_branch,
        paths=paths,
    )
