"""The lines of logs as data, for `jobs logs -o json`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from cictl.cli.logs.filter import LineSink
from cictl.cli.output.table import Column, Result


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a log.

    Attributes:
        time_utc: When its first byte came to the server, to a second; None if the server does not know.
        text: Without the newline; bytes that are no UTF-8 are replaced.
    """

    job_id: str
    time_utc: datetime | None
    text: str


class LogLines(msgspec.Struct, frozen=True, kw_only=True):
    """What `jobs logs -o json` shows."""

    lines: list[LogLine]


def as_records(job_id: str, take: Callable[[LogLine], object]) -> LineSink:
    """Return what hands each line of the log of *job_id* to *take*."""

    def feed(lines: list[bytes], time: datetime | None) -> None:
        for line in lines:
            take(LogLine(job_id=job_id, time_utc=time, text=line.decode(errors="replace").rstrip("\r\n")))

    return feed


def lines_result(lines: list[LogLine]) -> Result[LogLine]:
    """Return *lines* as a result for programs; the names are those of the jobs."""
    return Result(
        message=LogLines(lines=lines),
        rows=lines,
        columns=(Column("TEXT", lambda line: line.text),),
        name=lambda line: line.job_id,
        names=tuple(dict.fromkeys(line.job_id for line in lines)),
    )
