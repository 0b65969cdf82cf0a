"""The fixed words that options and arguments take, for completion, help and checks."""

from __future__ import annotations

from cictl.cli.app.commands import FORMATS
from cictl.wire.jobs import JobStatus
from cictl.wire.notifications import NotificationState
from cictl.wire.runs import RunStatus

SHELLS = {"bash": "bash", "zsh": "zsh", "fish": "fish", "powershell": "ps1"}
"""The suffix of each shell's script."""


STATUSES = (*JobStatus, "cancelled", "active", "finished")
"""What --status takes: what a job can be, and words for some of these."""

RUN_STATUSES = (*RunStatus, "active", "finished")
"""The same of a run."""

NOTIFICATION_STATES = tuple(NotificationState)

WORDS: dict[str, tuple[str, ...]] = {
    "formats": FORMATS,
    "statuses": STATUSES,
    "run-statuses": RUN_STATUSES,
    "notification-states": NOTIFICATION_STATES,
    "shells": tuple(SHELLS),
    "methods": ("GET", "POST", "DELETE"),
}
"""The words of each fixed kind; `candidates` asks the server for those of the other kinds."""
