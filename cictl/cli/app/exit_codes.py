"""The one table of exit codes; every command ends with one of these."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended. A code never changes its meaning; scripts switch on it."""

    OK = 0
    ERROR = 1
    USAGE = 2
    FAILED = 3
    CANCELLED = 4
    NOT_FOUND = 5
    NOT_ALLOWED = 6
    CONFLICT = 7
    TIMED_OUT = 8
    UNREACHABLE = 9
    SERVER_ERROR = 10
    NO_AGENT = 11
    INTERRUPTED = 130
    BROKEN_PIPE = 141

    @property
    def meaning(self) -> str:
        """What the documentation says about the code."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.OK: "done, or it was so already",
    ExitCode.ERROR: "an error that has no code of its own",
    ExitCode.USAGE: "wrong usage: an option, an argument, a setting",
    ExitCode.FAILED: "the job or the run failed",
    ExitCode.CANCELLED: "the job or the run was cancelled",
    ExitCode.NOT_FOUND: "no such agent, project, pipeline, job, artifact",
    ExitCode.NOT_ALLOWED: "not allowed: token missing or too weak, or CICTL_READONLY",
    ExitCode.CONFLICT: "the state of things forbids it",
    ExitCode.TIMED_OUT: "the wait timed out; the job goes on",
    ExitCode.UNREACHABLE: "the server can't be reached, or something else answers in its place",
    ExitCode.SERVER_ERROR: "the server failed, is degraded, or sends what makes no sense",
    ExitCode.NO_AGENT: "no agent could take the job: a wait that timed out, a preview",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C; the job goes on",
    ExitCode.BROKEN_PIPE: "the reader of stdout went away (128 + SIGPIPE)",
}
