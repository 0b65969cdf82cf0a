"""What a job's user should know although the job did not fail."""

from __future__ import annotations

from cictl.wire.jobs import LONGEST_WARNING, MOST_WARNINGS
from cictl_agent.log.spool import JobLog


class Warnings:
    """The warnings of one job. Each is in its log at once, and goes to the server with the report of its end."""

    def __init__(self, log: JobLog) -> None:
        self.log = log
        self._texts: list[str] = []

    def add(self, marker: str, text: str) -> None:
        """Warn of *text*; in the log it stands after `[marker] warning: `."""
        clean = text.encode("utf-8", "replace").decode()
        self.log.line(f"[{marker}] warning: {clean}")
        self._texts.append(clean if len(clean) <= LONGEST_WARNING else clean[: LONGEST_WARNING - 1] + "…")

    def report(self) -> list[str]:
        """Return what the server is told: of too many warnings the first, and how many more there are."""
        if len(self._texts) <= MOST_WARNINGS:
            return list(self._texts)
        kept = self._texts[: MOST_WARNINGS - 1]
        return [*kept, f"{len(self._texts) - len(kept)} more warnings are in the job's log"]
