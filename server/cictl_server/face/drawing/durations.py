"""How long runs took, as bars side by side: a picture that the page stretches to the width that there is."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from markupsafe import Markup

from cictl.wire.insight import EndedRun
from cictl.wire.runs import RunStatus

_HEIGHT, _FOOT = 100, 10
"""The greatest height of a bar, and the room for the mark below it."""
_STEP, _BAR = 10, 8
"""From bar to bar, and the width of one."""
_LEAST = 2.0
"""How high a bar is at least, so that a very short run is not none."""
_LENGTHS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 43200)
_DAY = 86_400


def durations(runs: Sequence[EndedRun], *, places: int, words: str) -> Markup:
    """Draw the newest *places* of *runs*, whose newest comes last, with the newest at the right.

    A run that failed has a mark below its bar, and one that was cancelled is hollow, so nobody needs to tell colours apart.

    Args:
        words: What the picture says. A table beside it has the numbers.
    """
    newest = runs[-places:]
    top = scale_of(newest)
    first = places - len(newest)
    bars = Markup("").join(_bar(run, (first + i) * _STEP, run.seconds / top) for i, run in enumerate(newest))
    return Markup(
        '<svg class="durations" role="img" aria-label="{}" viewBox="0 0 {} {}" preserveAspectRatio="none">{}</svg>'
    ).format(words, places * _STEP, _HEIGHT + _FOOT, bars)


def scale_of(runs: Sequence[EndedRun]) -> int:
    """Return the seconds at the upper edge: the next length that reads well, such as 20 s, 2 min or whole days."""
    longest = max((run.seconds for run in runs), default=0.0)
    return next((length for length in _LENGTHS if length >= longest), ceil(longest / _DAY) * _DAY)


def _bar(run: EndedRun, x: int, share: float) -> Markup:
    height = max(_LEAST, round(_HEIGHT * share, 1))
    left, state = x + (_STEP - _BAR) // 2, run.status.value
    bar = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>run {}: {}</title></rect>').format(
        state, left, round(_HEIGHT - height, 1), _BAR, height, run.number, state
    )
    if run.status is not RunStatus.FAILED:
        return bar
    return bar + Markup('<rect class="{}" x="{}" y="{}" width="{}" height="5"/>').format(state, left, _HEIGHT + 4, _BAR)
