"""Lengths of time, as people write and read them."""

from __future__ import annotations

import re
from datetime import timedelta

_WRITTEN = re.compile(r"(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def parse_duration(text: str) -> timedelta:
    """Return the length of `30s`, `15m`, `12h`, `90d` or `2h30m`.

    Raises:
        ValueError: It is none of these.
        OverflowError: It is longer than a million millennia.
    """
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no duration: write 30s, 15m, 12h, 90d or 2h30m")
    days, hours, minutes, seconds = (int(number or 0) for number in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def ago(age: timedelta) -> str:
    """Return *age* as `3m ago`; an instant ahead, which clocks that differ can make, is `now`."""
    return "now" if age < timedelta(seconds=1) else f"{_coarse(age)} ago"


def duration(length: timedelta) -> str:
    """Return *length* as `0.4s`, `12s`, `3m05s` or `2h10m`."""
    seconds = max(0.0, length.total_seconds())
    if seconds < 10:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 1:
        return f"{rest}s"
    hours, minutes_left = divmod(minutes, 60)
    return f"{minutes}m{rest:02}s" if hours < 1 else f"{hours}h{minutes_left:02}m"


def _coarse(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
