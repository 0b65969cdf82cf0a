"""How much an agent worked, hour by hour, as a row of bars."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

_STEP, _BAR, _HEIGHT = 10, 8, 24
_LEAST = 1.5


def load(hours: Sequence[float], *, words: str) -> Markup:
    """Draw shares from 0 to 1, the oldest at the left; *words* says the same."""
    width = len(hours) * _STEP
    bars = Markup("").join(_bar(i * _STEP, share) for i, share in enumerate(hours))
    return Markup('<svg class="load" role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg>').format(
        words, width, _HEIGHT, bars
    )


def _bar(x: int, share: float) -> Markup:
    """Draw one hour: as high as the share, with a line at the foot where there was no work."""
    height = round(max(_LEAST, share * _HEIGHT), 1)
    state = "running" if share else "none"
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        state, x, round(_HEIGHT - height, 1), _BAR, height
    )
