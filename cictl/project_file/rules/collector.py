"""Collect what the rules find. A finding, and the errors made of findings, are in `findings`."""

from cictl.project_file.findings import Finding
from cictl.project_file.source.structure import Place, Positions


class Collector:
    """The findings so far, each with the position of its path. They stay in the order of the rules."""

    def __init__(self, positions: Positions) -> None:
        self._positions = positions
        self._findings: list[Finding] = []

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings that were added so far."""
        return tuple(self._findings)

    def add(self, path: str, text: str) -> None:
        """Add a finding at *path*. Its message is the path and then *text*."""
        self.say(path, f"{path} {text}")

    def say(self, path: str, message: str) -> None:
        """Add a finding at *path* whose *message* names its subject itself."""
        self._append(path, message, self._positions.at(path))

    def say_key(self, path: str, message: str) -> None:
        """Add a finding about a key. Its position is that of the key, not of the value."""
        self._append(path, message, self._positions.at_key(path))

    def _append(self, path: str, message: str, place: Place) -> None:
        finding = Finding(line=place.line, column=place.column, path=path, message=message, file=place.file)
        self._findings.append(finding)


def is_blank(text: str) -> bool:
    """Tell whether *text* is empty or only white space."""
    return not text.strip()
