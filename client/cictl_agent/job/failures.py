"""The exceptions by which a job or a script fails on the agent, and what is said of a script that failed."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from cictl.wire.jobs import Cause
from cictl_agent.system.commands import Exit, signal_name

_VMSTAT = Path("/proc/vmstat")
_OOM_KILLS = re.compile(rb"^oom_kill (\d+)$", re.MULTILINE)
_OF_SHELLS = {126: "not executable", 127: "command not found"}
_BY_SIGNAL = 128
"""A shell whose last command a signal ended exits with this and the signal's number."""
_SIGKILL = getattr(signal, "SIGKILL", 9)


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


class CannotStart(Exception):
    """A script can't be run; the text says why, to follow the name of its step."""


def memory_kills() -> int | None:
    """Return how many processes Linux has killed since it started because memory ran out; None where that is unknown."""
    try:
        found = _OOM_KILLS.search(_VMSTAT.read_bytes())
    except OSError:
        return None
    return int(found[1]) if found else None


def script_failure(ended: Exit, *, ran_out_of_memory: bool) -> str:
    """Return how a script ended that failed, as far as its exit code says.

    Args:
        ran_out_of_memory: Linux killed a process of this machine for memory while the script ran. It need not have been
            the script's, so the text puts that as a question.
    """
    by = ended.signal or max(0, ended.code - _BY_SIGNAL)
    doubt = ", out of memory?" if ran_out_of_memory and by == _SIGKILL else ""
    if ended.signal or os.name != "posix":
        return ended.text + doubt
    if by in set(signal.Signals):
        return f"{ended.text} ({_BY_SIGNAL} + {signal_name(by)}{doubt})"
    meaning = _OF_SHELLS.get(ended.code)
    return f"{ended.text} ({meaning})" if meaning else ended.text
