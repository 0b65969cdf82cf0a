"""Why a job must stop before its end; one object that everything that takes time looks at."""

from __future__ import annotations

import threading
from enum import Enum, auto


class StopReason(Enum):
    OVER = auto()
    """The server says that the execution is over, or not ours any more."""
    TIMED_OUT = auto()
    AGENT_STOPPED = auto()


class Interrupted(Exception):
    """The work was broken off.

    Attributes:
        exit_code: Of the process that was stopped, -1 after a signal; None where no process was concerned.
    """

    def __init__(self, exit_code: int | None = None) -> None:
        super().__init__("interrupted")
        self.exit_code = exit_code


class Interruption:
    """The order to stop one job; given once, the first reason stands."""

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
        """Sleep, but wake up when the order comes; tell whether it has."""
        return self._given.wait(seconds)

    def check(self) -> None:
        """Raise `Interrupted` if the order was given."""
        if self._given.is_set():
            raise Interrupted
