"""The syntax of the five fields of cron. When they come is told by `times.py`."""

from __future__ import annotations

import re
from typing import NamedTuple

WORDS = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")


class _Field(NamedTuple):
    """One of the five fields, with its least and its greatest number, and the names that stand for numbers."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 7, _DAYS),
)
_PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[0-9]{1,2}))?", re.ASCII)


def cron_problem(text: str) -> str:
    """Return what is wrong with a cron expression, as the end of a sentence about it; empty if nothing is."""
    fields = text.split()
    if len(fields) == 1 and fields[0].startswith("@"):
        return "" if fields[0] in WORDS else f"has no such word; write one of {', '.join(WORDS)}"
    if len(fields) != len(_FIELDS):
        return f"has {len(fields)} fields; write five: minute, hour, day, month, weekday, such as 30 2 * * 1-5"
    for field, content in zip(_FIELDS, fields, strict=True):
        for part in content.split(","):
            if problem := _problem(field, part):
                return problem
    return ""


def _problem(field: _Field, part: str) -> str:
    found = _PART.fullmatch(part)
    numbers = [] if found is None else [_number(field, text) for text in found.group("first", "last") if text]
    if found is None or None in numbers:
        return f"can't have {part} as its {field.name}; write {field.least} to {field.most}, *, a-b, or */n"
    if len(numbers) == 2 and (numbers[0] or 0) > (numbers[1] or 0):
        return f"has the {field.name} {part}, which ends before it begins"
    return f"has the {field.name} {part}, whose step is 0" if found["step"] and not int(found["step"]) else ""


def _number(field: _Field, text: str) -> int | None:
    """Return the number of one value of *field*; None if it can't be one."""
    if text.upper() in field.names:
        return field.names.index(text.upper()) + field.least
    return int(text) if text.isdigit() and len(text) <= 2 and field.least <= int(text) <= field.most else None
