"""The source of a run: the commit to which a ref resolves now, and the version in the repository's version file."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import msgspec

from cictl.base.names.git_names import is_commit
from cictl.project_file import Pipeline, Versioning
from cictl_server.errors import GitFailed, InvalidRequest, NoCapacity
from cictl_server.services.pipelines.dependencies import Inherited, other_commits
from cictl_server.services.pipelines.planning import SourceContext
from cictl_server.services.projects.git import check_ref, check_repository
from cictl_server.services.projects.remotes import FetchedCommit, Remotes

logger = logging.getLogger(__name__)

_SEMVER_CORE = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_LARGEST_VERSION = 1024
"""Bytes of a version file; a version has about ten."""
_SECONDS = 30.0
_LOOK_SECONDS = 10.0
"""How long a remote may take to say whether a branch has moved on, which the run does not depend on."""


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the remote says of a ref; what is unknown is empty."""

    commit: str = ""
    branch: str = ""
    version_raw: str = ""
    warning: str = ""


def resolve_source(remotes: Remotes, pipeline: Pipeline, *, source_ref: str, inherited: Inherited) -> SourceContext:
    """Pin a run of *pipeline* to one commit, so that all its executions build the same files.

    A pipeline that follows the default branch builds what that is now, under its present name. The version of the
    dependencies is taken over, and so is their commit if they build the same repository. A *source_ref* wins over their
    commit. If the remote can't be reached, a run without *source_ref* goes on unpinned, with the ref itself: the agents
    may still reach the remote.

    Args:
        source_ref: A ref to use instead of the pipeline's own; empty for none.

    Raises:
        InvalidRequest: There is a *source_ref* but no repository, a ref is no name, or an automatic bump finds no version
            to raise.
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
    asked = "" if pipeline.vcs_source.follows_default and not override else ref
    wanted = None if inherited.version else versioning
    if not override and inherited.repo == repo and wanted is None:
        taken = _context(repo, ref, inherited.commit, versioning, inherited)
        return msgspec.structs.replace(taken, warnings=_taken(remotes, pipeline, taken, inherited, asked=asked))
    try:
        found = _ask(remotes, repo, asked, wanted)
    except GitFailed as error:
        if override:
            raise GitFailed(f'fetch source ref "{override}": {error}', hint=error.hint) from error
        if wanted is not None and wanted.auto_bump:
            raise InvalidRequest(unfetched(ref, error), hint=error.hint) from error
        logger.warning("run goes on unpinned pipeline=%s ref=%s: %s", pipeline.id, ref, error)
        found = _unknown(ref, error)
    version = inherited
    if wanted is not None and found.version_raw:
        version = Inherited(version_raw=found.version_raw, version=wanted.tag_prefix + found.version_raw)
    source = _context(repo, asked or found.branch or ref, found.commit, versioning, version)
    return msgspec.structs.replace(source, warnings=tuple(_warnings(pipeline, found, inherited, repo)))


def source_at(tree: FetchedCommit, pipeline: Pipeline, *, ref: str, inherited: Inherited) -> SourceContext:
    """Return the source of a run of *pipeline* that builds a commit which is at hand, with the version in its file.

    Args:
        ref: By which the commit was found.
        inherited: The version of dependencies, which is taken over.

    Raises:
        InvalidRequest: An automatic bump finds no version to raise.
    """
    assert pipeline.vcs_source is not None
    repo, versioning, version = pipeline.vcs_source.repo, pipeline.versioning, inherited
    if versioning is not None and not inherited.version and (raw := _tolerant_version(tree, versioning)):
        version = Inherited(version_raw=raw, version=versioning.tag_prefix + raw)
    source = _context(repo, ref, tree.commit, versioning, version)
    found = _Found(commit=tree.commit)
    return msgspec.structs.replace(source, warnings=tuple(_warnings(pipeline, found, inherited, repo)))


def _unknown(ref: str, error: GitFailed) -> _Found:
    where = ref or "the default branch"
    warning = f"{where} stands for no commit yet, so each job finds its own: {_one_line(error)}"
    return _Found(commit=ref if is_commit(ref) else "", warning=warning)


def _warnings(pipeline: Pipeline, found: _Found, inherited: Inherited, repo: str) -> Iterator[str]:
    if found.warning:
        yield found.warning
    if found.commit:
        for name, built in other_commits(inherited, repo, found.commit):
            own, others = _short(found.commit), _short(built)
            yield f"{pipeline.id} builds {own}, but what it takes from {name} was made from {others}"


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
    return msgspec.structs.replace(source, version_raw=raw, version=versioning.tag_prefix + raw) if raw else source


def _ask(remotes: Remotes, repo: str, ref: str, versioning: Versioning | None) -> _Found:
    """Ask the remote for the commit of *ref*, and with *versioning* for the version in its file."""
    if versioning is None:
        resolved = remotes.resolve(repo, ref)
        return _Found(commit=resolved.commit, branch=resolved.branch)
    with remotes.fetched(repo, ref, seconds=_SECONDS) as tree:
        return _Found(commit=tree.commit, branch=tree.branch, version_raw=_tolerant_version(tree, versioning))


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
        content = tree.show(file, limit=_LARGEST_VERSION)
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


def _context(repo: str, ref: str, commit: str, versioning: Versioning | None, version: Inherited) -> SourceContext:
    return SourceContext(
        repo=repo,
        ref_raw=ref,
        commit=commit,
        version_raw=version.version_raw,
        version=version.version,
        tag_prefix=versioning.tag_prefix if versioning else "",
        version_file=versioning.file if versioning else "",
    )
