"""The exception by which a job fails on the agent."""

from __future__ import annotations

from cictl.wire.jobs import Cause


class JobFailed(Exception):
    """The job has failed; the text is its error.

    Attributes:
        exit_code: The exit code of the process that failed; None when no process did.
    """

    def __init__(self, error: str, *, exit_code: int | None = None, cause: Cause | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.exit_code = exit_code
        self.cause = cause
