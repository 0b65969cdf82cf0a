"""What the server has to tell the forges of projects."""

from __future__ import annotations

from datetime import datetime

from cictl.wire.runs import RunStatus
from cictl_server.store.records.base import Record


class StatusRecord(Record, frozen=True, kw_only=True):
    """How a run stands for its commit, as long as the forge does not know it. A later change replaces it.

    Attributes:
        context: What the forge shows one status for: that of a pipeline.
        ref: The branch or tag that the run built.
        run: The number of the run.
        problem: Why the forge did not take it at the last attempt.
        failing_since: When it did not take it for the first time.
        is_refused: It will not take it, so it is not tried again.
    """

    project_id: int
    sha: str
    context: str
    ref: str
    run: int
    status: RunStatus
    problem: str = ""
    failing_since: datetime | None = None
    is_refused: bool = False

    @property
    def key(self) -> str:
        return f"{self.project_id} {self.sha} {self.context}"
