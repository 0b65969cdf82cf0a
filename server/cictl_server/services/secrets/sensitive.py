"""The secrets that leased executions got, in memory only, to mask them in what agents send."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable


class SensitiveValues:
    """Secrets by execution id. They are forgotten at a restart, and soon after the execution's end (`MaintenanceService`)."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[str, ...]] = {}
        self._attempts: dict[str, int] = {}
        self.on_forget: Callable[[str], None] = _nothing
        """Called with the id of each execution whose values were forgotten."""
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"SensitiveValues({len(self._values)} executions)"

    def remember(self, job_id: str, values: Iterable[str], *, attempt: int | None = None) -> None:
        """Add values to those of the execution. Old ones stay: an earlier holder may still print what it got.

        Args:
            attempt: The `log_generation` of the attempt of which these values are all; None if they are some.
        """
        with self._lock:
            known = self._values.get(job_id, ())
            self._values[job_id] = tuple(dict.fromkeys([*known, *values]))
            if attempt is not None:
                self._attempts[job_id] = attempt

    def knows(self, job_id: str, attempt: int) -> bool:
        """Tell whether all values are remembered that this attempt got."""
        return self._attempts.get(job_id) == attempt

    def of(self, job_id: str) -> tuple[str, ...]:
        """Return the values to mask, in order of arrival; empty for an execution without secrets."""
        return self._values.get(job_id, ())

    def forget(self, job_id: str) -> None:
        with self._lock:
            self._values.pop(job_id, None)
            self._attempts.pop(job_id, None)
        self.on_forget(job_id)

    def job_ids(self) -> list[str]:
        """Return the executions whose values are remembered."""
        with self._lock:
            return list(self._values)


def _nothing(_: str) -> None:
    """Do nothing, until somebody sets `on_forget`."""
