"""How much a job's log tells of the files that are kept or restored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cictl_agent.log.spool import JobLog


class Level(StrEnum):
    """`none` logs only what goes wrong, `summary` also counts, `verbose` also names."""

    NONE = "none"
    SUMMARY = "summary"
    VERBOSE = "verbose"


@dataclass(frozen=True, kw_only=True)
class Listing:
    """How much is told: the level, and at most how many names."""

    level: Level = Level.SUMMARY
    most_lines: int = 25

    def tell(self, log: JobLog, marker: str, summary: str, names: Sequence[str] = ()) -> None:
        """Add the summary and the names to the log, as far as the level wants them."""
        if self.level is Level.NONE:
            return
        log.line(f"[{marker}] {summary}")
        if self.level is Level.VERBOSE:
            for name in names[: self.most_lines]:
                log.line(f"[{marker}]   {name}")
            if len(names) > self.most_lines:
                log.line(f"[{marker}]   and {len(names) - self.most_lines} more")
