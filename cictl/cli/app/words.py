"""Words that a choice is made from, as completion, help and checks need them."""

from __future__ import annotations

from cictl.cli.app.commands import FORMATS
from cictl.wire.jobs import JobStatus

SHELLS = {"bash": "bash", "zsh": "zsh", "fish": "fish", "powershell": "ps1"}
"""The suffix of each shell's script."""


WORDS: dict[str, tuple[str, ...]] = {
    "formats": FORMATS,
    "statuses": tuple(JobStatus),
    "shells": tuple(SHELLS),
    "methods": ("GET", "POST", "DELETE"),
}
"""The words of the kinds that never change; those of all other kinds are asked for, see `candidates`."""
