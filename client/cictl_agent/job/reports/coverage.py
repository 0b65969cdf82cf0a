"""Coverage: what `line_coverage` and `xml_coverage` read their formats into; it is merged and summed up here.

Hits are kept by place, a line or a block of a file, until the end. Several reports may tell of the same place, and it
must count once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from cictl.wire.results.reports import Coverage, CoverageFile
from cictl_agent.job.reports.problems import MOST_COUNTED, ReportError

_MOST_FILES = 200_000
_MOST_PLACES = 2_000_000
"""How many files and places a report may have, or several as one; a place takes some 300 bytes."""

Place = tuple[int, ...]
"""A line, as `(line,)`, or a block, as `(line, column, line, column)`."""


def _nothing() -> None:
    """Do nothing: nobody counts places."""


@dataclass(kw_only=True)
class FileHits:
    """What reports say of one file.

    Attributes:
        weights: How many statements stand at a place; 1 for a line.
        hits: How often a place was reached: the most that any report says.
        declared: Total and covered lines as a report sums them up; used only for a file of which it tells no lines.
    """

    weights: dict[Place, int] = field(default_factory=dict)
    hits: dict[Place, int] = field(default_factory=dict)
    declared: tuple[int, int] = (0, 0)
    on_place: Callable[[], None] = _nothing
    """Called before each new place."""

    def note(self, place: Place, *, hits: int, weight: int = 1) -> None:
        _check(weight)
        if place not in self.weights:
            self.on_place()
        self.weights[place] = weight
        self.hits[place] = max(hits, self.hits.get(place, 0))

    def declare(self, *, total: int, covered: int) -> None:
        _check(max(total, covered))
        self.declared = (max(total, self.declared[0]), max(covered, self.declared[1]))

    def merge(self, other: FileHits) -> None:
        for place, hits in other.hits.items():
            self.note(place, hits=hits, weight=other.weights[place])
        self.declare(total=other.declared[0], covered=other.declared[1])

    @property
    def sums(self) -> tuple[int, int]:
        """The numbers of lines or statements: all, and those covered."""
        if not self.weights:
            total, covered = self.declared
            return total, min(covered, total)
        return sum(self.weights.values()), sum(weight for place, weight in self.weights.items() if self.hits[place] > 0)


def _check(count: int) -> None:
    if count > MOST_COUNTED:
        raise ReportError(f"it counts more than {MOST_COUNTED} lines or statements in one file")


class FileTable(dict[str, FileHits]):
    """Files by path; one that is asked for is made. It takes no more files and places than it can hold in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._places = 0

    def __missing__(self, path: str) -> FileHits:
        if len(self) >= _MOST_FILES:
            raise ReportError(f"it names more than {_MOST_FILES} files")
        made = self[path] = FileHits(on_place=self._count)
        return made

    def _count(self) -> None:
        self._places += 1
        if self._places > _MOST_PLACES:
            raise ReportError(f"it names more than {_MOST_PLACES} lines or blocks")


@dataclass(kw_only=True)
class Hits:
    """One coverage report, or several as one.

    Attributes:
        formats: The formats that it was read from, each once.
        lines: The files that are counted by lines, by path.
        statements: The files that are counted by statements, by path.
    """

    formats: list[str] = field(default_factory=list)
    lines: dict[str, FileHits] = field(default_factory=FileTable)
    statements: dict[str, FileHits] = field(default_factory=FileTable)

    def merge(self, other: Hits) -> None:
        """Add what another report says.

        Raises:
            ReportError: Both together are too much.
        """
        self.formats += [form for form in other.formats if form not in self.formats]
        for mine, theirs in ((self.lines, other.lines), (self.statements, other.statements)):
            for path, hits in theirs.items():
                mine[path].merge(hits)

    def coverage(self) -> Coverage:
        """Return the sums of all files, and of each, sorted by path."""
        lines, statements = _sums(self.lines), _sums(self.statements)
        files = [
            *(CoverageFile(path=p, total_lines=t, covered_lines=c, percent=_percent(c, t)) for p, (t, c) in lines),
            *(
                CoverageFile(path=p, total_statements=t, covered_statements=c, percent=_percent(c, t))
                for p, (t, c) in statements
            ),
        ]
        total_lines, covered_lines = _total(sums for _, sums in lines)
        total_statements, covered_statements = _total(sums for _, sums in statements)
        return Coverage(
            format="+".join(self.formats),
            total_lines=total_lines,
            covered_lines=covered_lines,
            total_statements=total_statements,
            covered_statements=covered_statements,
            percent=_percent(covered_lines + covered_statements, total_lines + total_statements),
            files=sorted(files, key=lambda file: file.path),
        )


def _sums(files: Mapping[str, FileHits]) -> list[tuple[str, tuple[int, int]]]:
    return [(path, hits.sums) for path, hits in files.items()]


def _total(sums: Iterable[tuple[int, int]]) -> tuple[int, int]:
    pairs = list(sums)
    return sum(total for total, _ in pairs), sum(covered for _, covered in pairs)


def _percent(covered: int, total: int) -> float:
    return 100.0 * covered / total if total else 0.0
