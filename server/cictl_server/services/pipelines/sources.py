"""The source of a run: the commit to which a ref resolves now, and the version in the repository's version file."""

from __future__ import annotations

import dataclasses
import logging
import re

from cictl.base.git_names import is_commit
from cictl.project_file import Pipeline, Versioning
from cictl_server.errors import GitFailed, InvalidRequest, NoCapacity
from cictl_server.services.pipelines.dependencies import Inherited, other_commits
from cictl_server.services.pipelines.planning import SourceContext
from cictl_server.services.projects.git import check_ref, check_repository
from cictl_server.services.projects.remotes import FetchedCommit, Remotes

logger = logging.getLogger(__name__)

_SEMVER_CORE = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_SECONDS = 30.0
_LOOK_SECONDS = 10.0
"""How long a remote may take to say whether a branch has moved on, which the run does not depend on."""


def resolve_source(remotes: Remotes, pipeline: Pipeline, *, source_ref: str, inherited: Inherited) -> SourceContext:
    """Pin a run of *pipeline* to one commit, so that all its executions build the same files.

    A pipeline that follows the default branch builds what that is now, and its ref gets the present name. The version of the dependencies is taken over, and so is their commit if they build the same repository. A *source_ref*
    wins over their commit. If the remote can't be reached, a run without *source_ref* goes on unpinned, with the ref
    itself: the agents may still reach the remote.

    Args:
        source_ref: A ref to use instead of the pipeline's own; empty for none.

    Raises:
        InvalidRequest: There is a *source_ref* but no repository, a ref looks like an option, or an automatic bump finds no
            version to raise.
        GitFailed: *source_ref* can't be resolved.
    """
    override = check_ref(source_ref, field="source_ref")
    versioning = pipeline.versioning
    if pipeline.vcs_source is None:
        if override:
            raise InvalidRequest("source_ref override requires pipeline vcs_source.repo")
        return SourceContext(version_raw=inherited.version_raw, version=inherited.version)
    repo = check_repository(pipeline.vcs_source.repo, field="vcs_source.repo")
    ref = override or check_ref(pipeline.vcs_source.ref, field="vcs_source.ref")
    has_version = bool(inherited.version)
    asked = "" if pipeline.vcs_source.follows_default and not override else ref
    warnings: tuple[str, ...] = ()
    if not override and inherited.repo == repo and (has_version or versioning is None):
        taken = _context(repo, ref, inherited.commit, versioning, inherited)
        return dataclasses.replace(taken, warnings=_taken(remotes, pipeline, taken, inherited, asked=asked))
    try:
        commit, branch, raw = _fetch(remotes, repo, asked, None if has_version else versioning)
        ref = ref if asked else branch or ref
    except GitFailed as error:
        if override:
            raise GitFailed(f'fetch source ref "{override}": {error}', hint=error.hint) from error
        if not has_version and versioning is not None and versioning.auto_bump:
            raise InvalidRequest(unfetched(ref, error), hint=error.hint) from error
        logger.warning("run goes on unpinned pipeline=%s ref=%s: %s", pipeline.id, ref, error)
        commit, raw = (ref if is_commit(ref) else ""), ""
        warnings += (
            f"{ref or 'the default branch'} stands for no commit yet, so each job finds its own: {_one_line(error)}",
        )
    warnings += tuple(
        f"{pipeline.id} builds {_short(commit)}, but what it takes from {name} was made from {_short(built)}"
        for name, built in other_commits(inherited, repo, commit)
        if commit
    )
    if has_version or versioning is None or not raw:
        return _context(repo, ref, commit, versioning, inherited, warnings)
    own = Inherited(version_raw=raw, version=versioning.tag_prefix + raw)
    return _context(repo, ref, commit, versioning, own, warnings)


def _taken(
    remotes: Remotes, pipeline: Pipeline, source: SourceContext, inherited: Inherited, *, asked: str
) -> tuple[str, ...]:
    """Return which commit *pipeline* takes over from its dependencies, and whether its ref has moved on since."""
    names = " and ".join(inherited.runs)
    taken = f"{pipeline.id} takes {_short(source.commit)} from {names}"
    where = source.ref_raw or "the default branch"
    if is_commit(asked):
        return (taken,)
    try:
        now = remotes.resolve(source.repo, asked, seconds=_LOOK_SECONDS)
    except (GitFailed, NoCapacity) as error:
        return (f"{taken}; whether {where} has moved on is unknown: {_one_line(error)}",)
    if now.commit == source.commit:
        return (taken,)
    return (f"{taken}; {now.branch or where} is at {_short(now.commit)} now, which needs a run of {names} first",)


def _one_line(error: Exception) -> str:
    return "; ".join(str(error).splitlines())


def _short(commit: str) -> str:
    return f"commit {commit[:10]}"


def with_own_version(remotes: Remotes, pipeline: Pipeline, source: SourceContext) -> SourceContext:
    """Return *source* with the version in *pipeline*'s version file at its commit; unchanged if there is none.

    Raises:
        InvalidRequest: An automatic bump finds no version to raise.
    """
    versioning = pipeline.versioning
    if versioning is None or not source.commit:
        return source
    try:
        with remotes.fetched(source.repo, source.commit, seconds=_SECONDS) as tree:
            raw = _tolerant_version(tree, versioning)
    except GitFailed as error:
        logger.warning("run goes on without version pipeline=%s commit=%s: %s", pipeline.id, source.commit, error)
        return source
    return dataclasses.replace(source, version_raw=raw, version=versioning.tag_prefix + raw) if raw else source


def _fetch(remotes: Remotes, repo: str, ref: str, versioning: Versioning | None) -> tuple[str, str, str]:
    """Return the commit of *ref*, its branch, and the raw version in its version file; empty if there is none."""
    if versioning is None:
        resolved = remotes.resolve(repo, ref)
        return resolved.commit, resolved.branch, ""
    with remotes.fetched(repo, ref, seconds=_SECONDS) as tree:
        return tree.commit, tree.branch, _tolerant_version(tree, versioning)


def _tolerant_version(tree: FetchedCommit, versioning: Versioning) -> str:
    """Return the raw version; empty if there is none.

    Raises:
        InvalidRequest: There is none, and an automatic bump has to raise it.
    """
    try:
        return version_in(tree, versioning.file)
    except (GitFailed, InvalidRequest) as error:
        if versioning.auto_bump:
            raise InvalidRequest(str(error)) from error
        logger.warning("run goes on without version commit=%s: %s", tree.commit, error)
        return ""


def unfetched(ref: str, error: GitFailed) -> str:
    """Return the message for a version that is unknown because its commit could not be fetched."""
    what = f'fetch source ref "{ref}"' if ref else "clone source"
    return f"{what} for version resolution: {error}"


def version_in(tree: FetchedCommit, file: str) -> str:
    """Return the raw version in a version file.

    Raises:
        GitFailed: The commit has no such file.
        InvalidRequest: It is not `x.y.z`.
    """
    try:
        content = tree.show(file)
    except GitFailed as error:
        raise GitFailed(f'read version file "{file}": {error}') from error
    return read_version(content, file)


def read_version(content: bytes, file: str) -> str:
    """Return the version in a version file.

    Raises:
        InvalidRequest: It is not `x.y.z`.
    """
    text = content.decode(errors="replace").strip()
    if not _SEMVER_CORE.fullmatch(text):
        raise InvalidRequest(f'version file "{file}" must contain semver core (x.y.z), got "{text[:80]}"')
    return text


def _context(
    repo: str,
    ref: str,
    commit: str,
    versioning: Versioning | None,
    version: Inherited,
    warnings: tuple[str, ...] = (),
) -> SourceContext:
    return SourceContext(
        repo=repo,
        ref_raw=ref,
        commit=commit,
        version_raw=version.version_raw,
        version=version.version,
        tag_prefix=versioning.tag_prefix if versioning else "",
        version_file=versioning.file if versioning else "",
        warnings=warnings,
    )
