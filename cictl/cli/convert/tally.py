"""What a conversion did with each thing in a file."""

from __future__ import annotations

from dataclasses import dataclass, field

NEVER = "false"
"""The condition of what had one that can't be said: it is better not run than run at a wrong time."""

UNSAID = "has no equal; it does not run until you say when"


@dataclass(frozen=True)
class Left:
    """Something without an equal.

    Attributes:
        line: In the file, from 1.
        what: As it is written there, in short.
        why: What there is instead, or why there is nothing.
    """

    line: int
    what: str
    why: str

    @property
    def text(self) -> str:
        return f"line {self.line}: {self.what}: {self.why}"


@dataclass
class Tally:
    """Counts of things, and those that were left.

    Attributes:
        said: How many things the project file says.
        needless: How many need nothing, because it is so anyway.
    """

    said: int = 0
    needless: int = 0
    left: list[Left] = field(default_factory=list)

    def leave(self, line: int, what: str, why: str) -> str:
        """Count something as left, and return the comment for it."""
        one = Left(line, what, why)
        if one not in self.left:
            self.left.append(one)
        return one.text
