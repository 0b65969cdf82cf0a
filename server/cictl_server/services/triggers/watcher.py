"""A look at a project's repository: which refs changed since the last look, and what they start."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from cictl.base.clock import Clock
from cictl.base.names.git_names import ref_fault
from cictl.wire.triggers import NothingStarted, ProjectCheck
from cictl_server.errors import GitFailed
from cictl_server.services.projects.identity import follow
from cictl_server.services.projects.lookup import get_project
from cictl_server.services.projects.ref_lists import RefList
from cictl_server.services.projects.remotes import Remotes
from cictl_server.services.projects.seen_refs import SeenRefs, SeenRefsChange
from cictl_server.services.triggers.changes import RefChange, RefKind
from cictl_server.services.triggers.starter import Outcome, Starter
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.projects import ProjectRecord

_SECONDS = 60.0
"""How long one look goes on with changes. What is left then is dealt with at the next look."""
_MOST_REASONS = 100


class Watcher(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    remotes: Remotes
    starter: Starter
    clock: Clock

    def look(self, project_id: int) -> ProjectCheck:
        """Ask the project's repository for its refs, and start what is new since the last look.

        Raises:
            NotFound: No such project.
            GitFailed, NoCapacity: The repository can't be read now.
            DiskLow, LimitReached: There is no room for a run. What was started before that stays.
        """
        with self.store.read() as view:
            project = get_project(view, project_id)
            known = SeenRefs(view, project).digest
            pull_requests = _wants_pull_requests(view, project_id)
        refs = self.remotes.list_refs(project.repo_url, pull_requests=pull_requests)
        if refs.digest == known:
            return ProjectCheck(project=project.name, looked_utc=self.clock())
        return self._deal_with(self._followed(project, refs), refs)

    def _followed(self, project: ProjectRecord, refs: RefList) -> ProjectRecord:
        """Note the present name of the default branch, and return *project* as it is then."""
        branch = refs.default_branch
        if not project.follows_default or not branch or branch == project.repo_ref or ref_fault(branch):
            return project

        def note(tx: Transaction) -> ProjectRecord:
            follow(tx, project.id, branch)
            return get_project(tx, project.id)

        return self.store.write(note)

    def _deal_with(self, project: ProjectRecord, refs: RefList) -> ProjectCheck:
        with self.store.read() as view:
            seen = SeenRefs(view, project)
            changes = list(_changes(seen.all(), refs.commits))
            starting = [change for change in changes if _may_start(change, seen)]
        chosen = set(starting)
        self._note(project, [change for change in changes if change not in chosen])
        outcomes = list(self._start(project, starting, refs))
        self._close(project, refs)
        reasons = [reason for outcome in outcomes for reason in outcome.not_started]
        return ProjectCheck(
            project=project.name,
            looked_utc=self.clock(),
            changed=len(changes),
            left=len(starting) - sum(outcome.is_final for outcome in outcomes),
            started=[run for outcome in outcomes for run in outcome.started],
            not_started=reasons[:_MOST_REASONS],
        )

    def _note(self, project: ProjectRecord, changes: Sequence[RefChange]) -> None:
        if changes:
            commits = {change.ref: change.after for change in changes}
            self.store.write(lambda tx: SeenRefsChange(tx, get_project(tx, project.id)).note(commits))

    def _start(self, project: ProjectRecord, changes: Sequence[RefChange], refs: RefList) -> Iterator[Outcome]:
        """Start what *changes* ask for, as far as the time allows. A commit that can't be read holds up no other."""
        end = time.monotonic() + _SECONDS
        for change in changes:
            if time.monotonic() > end:
                return
            try:
                yield self.starter.start(project, change, refs)
            except GitFailed as error:
                reason = NothingStarted(ref=change.ref, reason=f"commit {change.after[:10]} can't be read: {error}")
                yield Outcome(not_started=[reason], is_final=False)

    def _close(self, project: ProjectRecord, refs: RefList) -> None:
        self.store.write(lambda tx: SeenRefsChange(tx, get_project(tx, project.id)).close(refs))


def _may_start(change: RefChange, seen: SeenRefs) -> bool:
    """Tell whether a ref has a new commit. One that is not known may have been there before the first look at such refs."""
    is_known = bool(change.before) or seen.knows_all(pull_requests=change.kind is RefKind.PULL_REQUEST)
    return bool(change.after) and is_known


def _wants_pull_requests(view: View, project_id: int) -> bool:
    """Tell whether a pipeline as loaded last starts by pull requests. A forge keeps the refs of all there ever were."""
    known = (record.definition.on for record in view.pipelines.of_project(project_id))
    return any(on is not None and on.pull_request is not None for on in known)


def _changes(seen: Mapping[str, str], listed: Mapping[str, str]) -> Iterator[RefChange]:
    """Yield each ref that has another commit than *seen* says, but none with a name that git itself would not make."""
    for ref, commit in listed.items():
        if commit != seen.get(ref) and not ref_fault(ref):
            yield RefChange(ref=ref, before=seen.get(ref, ""), after=commit)
    for ref in seen.keys() - listed.keys():
        yield RefChange(ref=ref, before=seen[ref], after="")
