"""Collecting what the rules find; what a finding is, and the errors made of it, is in `findings`."""

from cictl.project_file.findings import Finding
from cictl.project_file.structure import Positions


class Collector:
    """Findings in the order of the rules, each with the position of its path."""

    def __init__(self, positions: Positions) -> None:
        self._positions = positions
        self._findings: list[Finding] = []

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was added so far."""
        return tuple(self._findings)

    def add(self, path: str, text: str) -> None:
        """Add the message "*path* *text*" at *path*."""
        self.say(path, f"{path} {text}")

    def say(self, path: str, message: str) -> None:
        """Add *message*, which names its subject itself, at *path*."""
        self._append(path, message, self._positions.at(path))

    def say_key(self, path: str, message: str) -> None:
        """Add *message* about the key at *path*, at the key instead of its value."""
        self._append(path, message, self._positions.at_key(path))

    def _append(self, path: str, message: str, position: tuple[int, int]) -> None:
        line, column = position
        self._findings.append(Finding(line=line, column=column, path=path, message=message))


def is_blank(text: str) -> bool:
    """Tell whether nothing is left of *text* once trimmed."""
    return not text.strip()
