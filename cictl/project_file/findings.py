"""What can be wrong with a project file, and the text of it.

ProjectFileError
├── UnreadableFileError   no YAML could be read: empty, bad syntax, too big
├── StructureError        the YAML has a wrong shape: unknown or repeated keys, wrong types
└── InvalidConfigError    the shape is right, but the file breaks rules
"""

import json

from msgspec import Struct

MAX_SHOWN = 200
"""How many findings an error's text lists. It only counts the others."""


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that is wrong, and where.

    Attributes:
        line: 1-based.
        column: 1-based, in characters.
        path: Such as ``pipelines[0].jobs[1].steps[2].env``. Indexes do not count null items, which are dropped. It may be
            empty.
        file: The included file that it is in; empty for the project file itself.
        message: One line, without the position.
    """

    line: int
    column: int
    path: str
    message: str
    file: str = ""

    @property
    def place(self) -> str:
        """The line, after the name of an included file."""
        return f"{self.file}: line {self.line}" if self.file else f"line {self.line}"


class ProjectFileError(Exception):
    """A project file can't be used.

    Attributes:
        config_file: The file's name, as the caller gave it.
        findings: At least one. Broken rules are in the order of the rules, other findings in file order.
    """

    def __init__(self, config_file: str, findings: tuple[Finding, ...]) -> None:
        super().__init__(config_file, findings)
        self.config_file = config_file
        self.findings = findings


class UnreadableFileError(ProjectFileError):
    """No YAML document could be read."""

    def __str__(self) -> str:
        first = self.findings[0]
        return f"parse YAML in {quote(self.config_file)}: {_unreadable_reason(first)}"


class StructureError(ProjectFileError):
    """The document has keys or types that no project file has."""

    def __str__(self) -> str:
        lines = [f"{f.place}: column {f.column}: {f.message}" for f in self.findings]
        return f"parse YAML in {quote(self.config_file)}: yaml: unmarshal errors:\n  " + "\n  ".join(_shorten(lines))


class InvalidConfigError(ProjectFileError):
    """The document breaks rules that go beyond its shape."""

    def __str__(self) -> str:
        messages = [f"{f.message} ({f.place}, column {f.column})" for f in self.findings]
        return f"invalid config in {quote(self.config_file)}: " + "; ".join(_shorten(messages))


def quote(text: str) -> str:
    """Return *text* in double quotes, cut to 200 characters, with quotes, backslashes and control characters escaped."""
    return json.dumps(text if len(text) <= 200 else text[:200] + "…", ensure_ascii=False)


EMPTY_FILE = "the file is empty"
"""The message of a file without a document. The error's text is the contract's then, without a position."""


def _unreadable_reason(finding: Finding) -> str:
    if finding.message == EMPTY_FILE:
        return "EOF"
    return f"yaml: {finding.place}: column {finding.column}: {finding.message}"


def _shorten(messages: list[str]) -> list[str]:
    if len(messages) <= MAX_SHOWN:
        return messages
    return [*messages[:MAX_SHOWN], f"and {len(messages) - MAX_SHOWN} more"]
