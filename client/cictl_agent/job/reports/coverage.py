"""Coverage: lcov's tracefiles and Go's cover profiles."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cictl.wire.reports import Coverage, CoverageFile
from cictl_agent.job.reports.problems import ReportError

# FILE:LINE.COLUMN,LINE.COLUMN STATEMENTS COUNT
_BLOCK = re.compile(r"(.+):\d+\.\d+,\d+\.\d+ (\d+) (\d+)")


def read_go_coverprofile(content: bytes) -> Coverage:
    """Sum up the statements of each file; a block is covered when it was reached at least once.

    Raises:
        ReportError: A line is neither the mode, blank, nor a block.
    """
    totals: dict[str, int] = {}
    covered: dict[str, int] = {}
    for number, line in _lines(content):
        if line.startswith("mode:"):
            continue
        block = _BLOCK.fullmatch(line)
        if block is None:
            raise ReportError(f"line {number} is not of a Go cover profile", line)
        statements = int(block[2])
        totals[block[1]] = totals.get(block[1], 0) + statements
        covered[block[1]] = covered.get(block[1], 0) + (statements if int(block[3]) else 0)
    files = [
        CoverageFile(
            path=path,
            total_statements=total,
            covered_statements=covered[path],
            percent=_percent(covered[path], total),
        )
        for path, total in sorted(totals.items())
    ]
    total, hit = sum(totals.values()), sum(covered.values())
    return Coverage(
        format="go-coverprofile",
        total_statements=total,
        covered_statements=hit,
        percent=_percent(hit, total),
        files=files,
    )


@dataclass(kw_only=True)
class _Lines:
    """What a tracefile says of one source file: the sums it declares, else those of its lines."""

    declared_total: int | None = None
    declared_covered: int | None = None
    total: int = 0
    covered: int = 0


def read_lcov(content: bytes) -> Coverage:
    """Read a tracefile: `LF` and `LH` of each `SF` where they are given, else its `DA` lines are counted.

    Where a file comes again its last sums count, and its lines add up. Records of branches and functions are ignored.

    Raises:
        ReportError: One of the four is malformed or stands outside of a file, or the text is no tracefile.
    """
    sources: dict[str, _Lines] = {}
    current: _Lines | None = None
    for number, line in _lines(content):
        key, colon, value = line.partition(":")
        if key == "SF" and value:
            current = sources.setdefault(value, _Lines())
        elif line == "end_of_record":
            current = None
        elif not colon:
            raise ReportError(f"line {number} is not of an lcov tracefile", line)
        elif key in ("DA", "LF", "LH"):
            if current is None:
                raise ReportError(f"line {number} belongs to no file", line)
            _note(current, key, value, number)
    return _lcov_coverage(sources)


def _note(lines: _Lines, key: str, value: str, number: int) -> None:
    fields = value.split(",")
    try:
        match key:
            case "LF":
                lines.declared_total = _natural(value)
            case "LH":
                lines.declared_covered = _natural(value)
            case _:
                _natural(fields[0])
                lines.total += 1
                lines.covered += int(fields[1]) > 0
    except (ValueError, IndexError) as error:
        raise ReportError(f"line {number} has no number where one belongs", f"{key}:{value}") from error


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def _lcov_coverage(sources: dict[str, _Lines]) -> Coverage:
    files = []
    for path, lines in sorted(sources.items()):
        total = lines.total if lines.declared_total is None else lines.declared_total
        covered = lines.covered if lines.declared_covered is None else lines.declared_covered
        files.append(
            CoverageFile(path=path, total_lines=total, covered_lines=covered, percent=_percent(covered, total))
        )
    total, covered = sum(f.total_lines for f in files), sum(f.covered_lines for f in files)
    return Coverage(
        format="lcov", total_lines=total, covered_lines=covered, percent=_percent(covered, total), files=files
    )


def _lines(content: bytes) -> Iterable[tuple[int, str]]:
    """Return the lines that are not blank, with their numbers.

    Raises:
        ReportError: The content is not text.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReportError(f"not UTF-8 text: {error.reason}") from error
    return [(n, line) for n, raw in enumerate(text.split("\n"), start=1) if (line := raw.strip())]


def _percent(covered: int, total: int) -> float:
    return 100.0 * covered / total if total else 0.0
