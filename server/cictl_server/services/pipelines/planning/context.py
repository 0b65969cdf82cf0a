"""What a plan is told besides the definition: the source, its version, and whose run it is."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

AFTER = "after"
"""The event of a run that the success of another pipeline started."""

MANUAL = "manual"
"""The event of a run that somebody started."""

PUSH = "push"
"""The event of a run that a new commit of a branch or a tag started."""

PULL_REQUEST = "pull_request"
"""The event of a run that a new commit of a pull request started."""

SCHEDULE = "schedule"
"""The event of a run that a schedule started."""


WORKTREE = "worktree"
"""The event of a run that somebody started for the files of a checkout as they were there."""


class SourceContext(msgspec.Struct, frozen=True, kw_only=True):
    """The source and the version of a run; what is unknown is empty.

    Attributes:
        ref_raw: The ref as configured or overridden.
        commit: The commit that it was resolved to.
        worktree: As in `Source`.
        version_raw: `1.2.3`.
        version: `v1.2.3`, also the tag.
        warnings: What whoever starts the run should know of this source.
    """

    repo: str = ""
    ref_raw: str = ""
    commit: str = ""
    worktree: str = ""
    version_raw: str = ""
    version: str = ""
    tag_prefix: str = ""
    version_file: str = ""
    warnings: tuple[str, ...] = ()


class RunIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """The run and the project of planned executions.

    Attributes:
        chain: The metadata of a member of a chain run.
        event: What started the run, such as `MANUAL`.
        base_branch: What the pull request is to be merged into, for a run of one.
        is_from_fork: As `JobMetadata.from_fork`.
    """

    project: str
    project_id: int
    pipeline_run_id: str
    event: str = MANUAL
    base_branch: str = ""
    is_from_fork: bool = False
    chain: Mapping[str, str] = msgspec.field(default_factory=dict)
