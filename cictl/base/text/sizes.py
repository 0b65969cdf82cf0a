"""Sizes in bytes, as people write and read them."""

from __future__ import annotations

import re

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_WRITTEN = re.compile(r"(\d{1,15})\s*(B|KiB|MiB|GiB|TiB)?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return the bytes of `10MiB`, `1GiB` or `4096`; the case of the unit does not matter.

    Raises:
        ValueError: It is none of these.
    """
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no size: write bytes, or a number with KiB, MiB, GiB or TiB")
    unit = (match[2] or "B").casefold()
    power = [name.casefold() for name in _UNITS].index(unit)
    return int(match[1]) << 10 * power


def setting_text(count: int) -> str:
    """Return a number of bytes as `parse_size` reads it: `1GiB`, or `1000` where no unit fits."""
    power = next(power for power in range(len(_UNITS) - 1, -1, -1) if count % (1 << 10 * power) == 0)
    return f"{count >> 10 * power}{_UNITS[power] if power else ''}"


def size_text(count: int) -> str:
    """Return a number of bytes as `512 B`, `1.5 KiB`, `20.0 MiB`."""
    value = float(count)
    for unit in _UNITS[:-1]:
        if value < 1024:
            return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
