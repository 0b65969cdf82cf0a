"""Retention on the wire: how long runs, logs and artifacts are kept, and what goes."""

from __future__ import annotations

from typing import Annotated

import msgspec

from cictl.wire.codec import Message

Limit = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
"""A number of runs or of days; 0 means no limit."""


class RetentionPolicy(Message):
    """How long things are kept. A run goes when either of the first two says so; each 0 means no limit.

    Attributes:
        keep_runs: The newest runs of each pipeline that are kept.
        keep_days: Days after its end for which a run is kept.
        artifact_days: Days after its end for which the artifacts of a run are kept.
        log_days: Days after its end for which its logs are kept.
    """

    keep_runs: Limit
    keep_days: Limit
    artifact_days: Limit
    log_days: Limit


class ProjectRetention(Message):
    """What holds for one project that has limits of its own.

    Attributes:
        own: Which of the limits are the project's own; it shares the others with all projects.
    """

    project: str
    project_id: int
    policy: RetentionPolicy
    own: list[str] = msgspec.field(default_factory=list)


class RetentionPolicies(Message):
    """`GET retention`: the limits of all projects, and of those that have their own."""

    default: RetentionPolicy
    projects: list[ProjectRetention] = msgspec.field(default_factory=list)


class RetentionChange(Message):
    """`POST retention`: new limits; an absent key keeps what is stored.

    Attributes:
        project: Name or id of the project; empty for the limits of all projects.
        reset: First give up what is stored: the project's own limits, or those of all projects.
    """

    project: str = ""
    reset: bool = False
    keep_runs: Limit | None = None
    keep_days: Limit | None = None
    artifact_days: Limit | None = None
    log_days: Limit | None = None


class RetentionCounts(Message):
    """What goes, or went.

    Attributes:
        runs: Whole runs, `jobs` job executions in all.
        logs: Logs, with those of whole runs.
        artifacts: Artifacts, with those of whole runs.
        bytes: Of these logs and artifacts.
        is_complete: False if there is more: call again.
    """

    runs: int
    jobs: int
    logs: int
    artifacts: int
    bytes: int
    is_complete: bool = True

    def __add__(self, later: RetentionCounts) -> RetentionCounts:
        """Return what both calls removed; there is more if the *later* one says so."""
        return RetentionCounts(
            runs=self.runs + later.runs,
            jobs=self.jobs + later.jobs,
            logs=self.logs + later.logs,
            artifacts=self.artifacts + later.artifacts,
            bytes=self.bytes + later.bytes,
            is_complete=later.is_complete,
        )


class RunPin(Message):
    """`POST runs/{run}/pin` and `unpin`: whether the run is kept whatever its age.

    Attributes:
        run: As it was named.
        jobs: How many job executions it has.
    """

    run: str
    pinned: bool
    jobs: int
