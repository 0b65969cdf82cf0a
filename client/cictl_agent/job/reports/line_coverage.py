"""Reading coverage in line-based formats: lcov's tracefiles and Go's cover profiles."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable

from cictl_agent.job.reports.coverage import FileHits, FileTable, Hits
from cictl_agent.job.reports.problems import ReportError, with_slashes

# FILE:LINE.COLUMN,LINE.COLUMN STATEMENTS COUNT; the file's name may begin with a drive.
# No number is so long that Python refuses to read it.
_BLOCK = re.compile(r"(.+):(\d{1,18})\.(\d{1,18}),(\d{1,18})\.(\d{1,18}) (\d{1,18}) (\d{1,30})")


def read_go_coverprofile(content: bytes) -> Hits:
    """Read the statements of each block. A block may come again, as with `-coverpkg`; its highest count holds.

    Raises:
        ReportError: A line is neither blank, nor the mode, nor a block.
    """
    files = FileTable()
    for number, line in _lines(content):
        if line.startswith("mode:"):
            continue
        block = _BLOCK.fullmatch(line)
        if block is None:
            raise ReportError(f"line {number} is not of a Go cover profile", line)
        place = (int(block[2]), int(block[3]), int(block[4]), int(block[5]))
        files[block[1]].note(place, hits=int(block[7]), weight=int(block[6]))
    return Hits(formats=["go-coverprofile"], statements=files)


def read_lcov(content: bytes) -> Hits:
    """Read a tracefile by its `DA` lines; `LF` and `LH` count only for a file without any.

    A file may come again, once for each test that reaches it; its lines are merged. Comments and records of branches and
    functions are ignored.

    Raises:
        ReportError: `DA`, `LF` or `LH` is malformed or outside of a file, or the text is not a tracefile.
    """
    files = FileTable()
    current: FileHits | None = None
    for number, line in _lines(content):
        key, colon, value = line.partition(":")
        if line.startswith("#"):
            continue
        if key == "SF" and value:
            current = files[with_slashes(value)]
        elif line == "end_of_record":
            current = None
        elif not colon:
            raise ReportError(f"line {number} is not of an lcov tracefile", line)
        elif key in ("DA", "LF", "LH"):
            if current is None:
                raise ReportError(f"line {number} belongs to no file", line)
            _note(current, key, value, number)
    return Hits(formats=["lcov"], lines=files)


def _note(file: FileHits, key: str, value: str, number: int) -> None:
    try:
        match key:
            case "LF":
                file.declare(total=_natural(value), covered=0)
            case "LH":
                file.declare(total=0, covered=_natural(value))
            case _:  # LINE,COUNT and perhaps a checksum of the line
                fields = value.split(",")
                file.note((_natural(fields[0]),), hits=int(fields[1]))
    except ReportError:
        raise
    except (ValueError, IndexError) as error:
        raise ReportError(f"line {number} has no number where one belongs", f"{key}:{value}") from error


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def _lines(content: bytes) -> Iterable[tuple[int, str]]:
    """Return the lines that are not blank, with their numbers.

    Raises:
        ReportError: The content is not text.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReportError(f"not UTF-8 text: {error.reason}") from error
    return ((n, line) for n, raw in enumerate(io.StringIO(text), start=1) if (line := raw.strip()))
