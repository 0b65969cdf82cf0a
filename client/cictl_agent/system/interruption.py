"""The order to stop a job before its end. Everything that takes time looks at it; how processes end is in `commands`."""

from __future__ import annotations

import threading
from enum import Enum, auto


class StopReason(Enum):
    """Why a job must stop."""

    OVER = auto()
    """The server says that the execution is over, or given to another agent."""
    TIMED_OUT = auto()
    AGENT_STOPPED = auto()


class Interrupted(Exception):
    """The work was broken off.

    Attributes:
        exit_code: The exit code of the process that was stopped, -1 after a signal; None where none ran.
    """

    def __init__(self, exit_code: int | None = None) -> None:
        super().__init__("interrupted")
        self.exit_code = exit_code


class Interruption:
    """The order to stop one job. Of several reasons the first stands."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given = threading.Event()
        self.reason: StopReason | None = None
        self.detail = ""

    @property
    def is_given(self) -> bool:
        return self._given.is_set()

    def give(self, reason: StopReason, detail: str = "") -> None:
        with self._lock:
            if self.reason is None:
                self.reason, self.detail = reason, detail
                self._given.set()

    def wait(self, seconds: float) -> bool:
        """Sleep until *seconds* have passed or the order was given; tell whether it was."""
        return self._given.wait(seconds)

    def check(self) -> None:
        """Raise `Interrupted` if the order was given."""
        if self._given.is_set():
            raise Interrupted
