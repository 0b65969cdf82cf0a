"""Whether a pipeline wants to run for what happened, by its `on` and its `trigger`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cictl.base.text.globs import PatternList
from cictl.project_file import Pipeline
from cictl.project_file.definition import PullRequest, Push
from cictl_server.services.triggers.changes import RefChange, RefKind

VCS = "vcs"
"""The `trigger` that alone means a push to the tracked branch."""

Paths = Callable[[], Iterable[str] | None]
"""Returns the changed paths, or None where nothing is known to compare with: then all of them count."""


def reason_against(
    pipeline: Pipeline, change: RefChange, *, repo_url: str, tracked_ref: str, base_branch: str, paths: Paths
) -> str:
    """Return why *pipeline* does not run for *change*; empty if it does.

    Args:
        repo_url: The repository that changed.
        tracked_ref: The full name of the ref that the project follows.
        base_branch: What pull requests are to be merged into.
    """
    if pipeline.on is None and pipeline.trigger != VCS:
        return "only people start it: it has neither `on` nor `trigger: vcs`"
    if pipeline.vcs_source is None:
        return "it has no `vcs_source`, so it builds no commit"
    if pipeline.vcs_source.repo != repo_url:
        return "it builds another repository than the project's"
    if pipeline.on is None:
        return "" if change.ref == tracked_ref else f"`trigger: vcs` alone means pushes to {tracked_ref or 'no ref'}"
    if change.kind is RefKind.PULL_REQUEST:
        return _against_pull_request(pipeline.on.pull_request, base_branch, paths)
    if pipeline.on.push is None:
        return "its `on` has no `push`"
    return _against_push(pipeline.on.push, change, paths)


def _against_push(push: Push, change: RefChange, paths: Paths) -> str:
    is_tag = change.kind is RefKind.TAG
    patterns, key = (push.tags, "tags") if is_tag else (push.branches, "branches")
    has_others = bool(push.branches if is_tag else push.tags)
    if patterns and not PatternList(patterns).takes(change.name):
        return f"`on.push.{key}` does not take {change.name}"
    if not patterns and (has_others or is_tag):
        return f"`on.push` takes no {key}"
    if push.paths:
        changed = paths()
        if changed is not None and not _takes_any(push.paths, changed):
            return "`on.push.paths` takes none of the changed files"
    return ""


def _against_pull_request(wanted: PullRequest | None, base_branch: str, paths: Paths) -> str:
    if wanted is None:
        return "its `on` has no `pull_request`"
    if wanted.branches and not PatternList(wanted.branches).takes(base_branch):
        return f"`on.pull_request.branches` does not take {base_branch or 'no branch'}"
    if wanted.paths:
        changed = paths()
        if changed is not None and not _takes_any(wanted.paths, changed):
            return "`on.pull_request.paths` takes none of the changed files"
    return ""


def _takes_any(patterns: list[str], paths: Iterable[str]) -> bool:
    taken = PatternList(patterns)
    return any(map(taken.takes, paths))
