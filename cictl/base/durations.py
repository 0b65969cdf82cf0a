"""Lengths of time, as people write them."""

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
