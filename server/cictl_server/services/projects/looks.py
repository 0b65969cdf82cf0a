"""When each project's repository was last looked at, and how that went. It is on a board, because a look writes nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from cictl_server.signals.contract import Board, Signals


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the looks at one project.

    Attributes:
        begun: When the last one began that has ended.
        due: When the next one begins by itself; None if none does.
        error: Why the last one failed; empty if it did not.
        failures: How many failed in a row.
    """

    begun: datetime
    due: datetime | None = None
    error: str = ""
    failures: int = 0


class LookBook:
    """The last look at each project, whichever server made it. A restart of all servers forgets it, and they look at once."""

    def __init__(self, signals: Signals) -> None:
        self._board: Board[Look] = signals.board("looks", Look, is_lasting=False)

    def find(self, project_id: int) -> Look | None:
        return self._board.find(str(project_id))

    def all(self) -> Mapping[str, Look]:
        """Return the looks by the ids of the projects, as texts."""
        return self._board.states()

    def note(self, project_id: int, look: Look) -> None:
        self._board.gather(str(project_id), lambda _: look)

    def forget(self, project_id: int) -> None:
        """Let the project be looked at as soon as can be."""
        self._board.remove(str(project_id))
