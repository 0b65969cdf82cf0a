"""What a run is built from: the commit that a ref means now, and the version that its repository declares."""

from __future__ import annotations

import dataclasses
import logging
import re

from cictl.project_file import Pipeline, Versioning
from cictl_server.errors import GitFailed, InvalidRequest
from cictl_server.services.pipelines.dependencies import Inherited
from cictl_server.services.pipelines.planning import SourceContext
from cictl_server.services.projects.git import FetchedCommit, check_argument, fetched, is_commit

logger = logging.getLogger(__name__)

_SEMVER_CORE = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_SECONDS = 45.0


def resolve_source(pipeline: Pipeline, *, source_ref: str, inherited: Inherited) -> SourceContext:
    """Pin a run of *pipeline* to one commit, so that all its executions build the same files.

    The dependencies' version is taken over, and their commit where they build the same repository; an override of the ref
    wins over their commit. Without an override a remote that can't be reached leaves the ref as it is, and the run goes on
    unpinned: the agents may still reach it.

    Args:
        source_ref: A ref to use instead of the pipeline's own; empty for none.

    Raises:
        InvalidRequest: An override for a pipeline without repository, a ref that looks like an option, or no version where
            an automatic bump is to raise it.
        GitFailed: The override can't be resolved.
    """
    override = check_argument(source_ref, field="source_ref")
    versioning = pipeline.versioning
    if pipeline.vcs_source is None:
        if override:
            raise InvalidRequest("source_ref override requires pipeline vcs_source.repo")
        return SourceContext(version_raw=inherited.version_raw, version=inherited.version)
    repo = check_argument(pipeline.vcs_source.repo, field="vcs_source.repo")
    ref = override or check_argument(pipeline.vcs_source.ref, field="vcs_source.ref")
    has_version = bool(inherited.version)
    if not override and inherited.repo == repo and (has_version or versioning is None):
        return _context(repo, ref, inherited.commit, versioning, inherited)
    try:
        commit, raw = _fetch(repo, ref, None if has_version else versioning)
    except GitFailed as error:
        if override:
            raise GitFailed(f'fetch source ref "{override}": {error}', hint=error.hint) from error
        if not has_version and versioning is not None and versioning.auto_bump:
            raise InvalidRequest(unfetched(ref, error), hint=error.hint) from error
        logger.warning("run goes on unpinned pipeline=%s ref=%s: %s", pipeline.id, ref, error)
        commit, raw = (ref if is_commit(ref) else ""), ""
    if has_version or versioning is None or not raw:
        return _context(repo, ref, commit, versioning, inherited)
    own = Inherited(version_raw=raw, version=versioning.tag_prefix + raw)
    return _context(repo, ref, commit, versioning, own)


def with_own_version(pipeline: Pipeline, source: SourceContext) -> SourceContext:
    """Return *source* with the version that *pipeline*'s version file has in its commit; as it is where there is none.

    Raises:
        InvalidRequest: No version where an automatic bump is to raise it.
    """
    versioning = pipeline.versioning
    if versioning is None or not source.commit:
        return source
    try:
        with fetched(source.repo, source.commit, seconds=_SECONDS) as tree:
            raw = _tolerant_version(tree, versioning)
    except GitFailed as error:
        logger.warning("run goes on without version pipeline=%s commit=%s: %s", pipeline.id, source.commit, error)
        return source
    return dataclasses.replace(source, version_raw=raw, version=versioning.tag_prefix + raw) if raw else source


def _fetch(repo: str, ref: str, versioning: Versioning | None) -> tuple[str, str]:
    """Return the commit of *ref* and the raw version in its version file, empty where there is none."""
    with fetched(repo, ref, seconds=_SECONDS) as tree:
        return tree.commit, "" if versioning is None else _tolerant_version(tree, versioning)


def _tolerant_version(tree: FetchedCommit, versioning: Versioning) -> str:
    """Return the raw version, empty where there is none and nothing is to raise it."""
    try:
        return version_in(tree, versioning.file)
    except (GitFailed, InvalidRequest) as error:
        if versioning.auto_bump:
            raise InvalidRequest(str(error)) from error
        logger.warning("run goes on without version commit=%s: %s", tree.commit, error)
        return ""


def unfetched(ref: str, error: GitFailed) -> str:
    """Return the text for a version that is not known since its commit could not be fetched."""
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
