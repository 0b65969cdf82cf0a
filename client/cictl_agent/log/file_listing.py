"""How much of files that move a job's log tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cictl_agent.log.spool import JobLog


class Level(StrEnum):
    """`none` leaves only what goes wrong, `summary` tells counts, `verbose` also names."""

    NONE = "none"
    SUMMARY = "summary"
    VERBOSE = "verbose"


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What is told; `most_lines` bounds the names."""

    level: Level = Level.SUMMARY
    most_lines: int = 25

    def tell(self, log: JobLog, marker: str, summary: str, names: Sequence[str] = ()) -> None:
        """Add the summary, and the names behind it, to the log, as far as they are wanted."""
        if self.level is Level.NONE:
            return
        log.line(f"[{marker}] {summary}")
        if self.level is Level.VERBOSE:
            for name in names[: self.most_lines]:
                log.line(f"[{marker}]   {name}")
            if len(names) > self.most_lines:
                log.line(f"[{marker}]   and {len(names) - self.most_lines} more")
