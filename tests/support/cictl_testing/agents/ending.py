"""Ending what took too long only after it has begun: on a loaded machine a time limit may pass before a shell says anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cictl_agent.system.process_groups import PosixGroups
from cictl_testing.processes import eventually

EndLate = Callable[[Path], None]
"""A verb: groups of processes are signalled only when a whole line is in a file."""


def end_groups_late(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """Let groups of processes be signalled only when a whole line is in *file*."""
    for name in ("interrupt", "kill"):
        monkeypatch.setattr(PosixGroups, name, _once_there(file, getattr(PosixGroups, name)))


def _once_there(file: Path, signal: Callable[[PosixGroups, int], None]) -> Callable[[PosixGroups, int], None]:
    def wait_and_signal(groups: PosixGroups, leader: int) -> None:
        eventually(lambda: file.exists() and file.read_text().endswith("\n"), what=str(file))
        signal(groups, leader)

    return wait_and_signal
