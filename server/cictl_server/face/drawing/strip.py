"""The last results of a pipeline as a strip of bars: one for each run, as high as the run was long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from markupsafe import Markup

from cictl_server.services.runs.overview import Result

_STEP, _BAR, _HEIGHT, _LEAST, _FOOT = 7, 5, 20, 4, 6
"""Pixels: from bar to bar, the width and the greatest height of one, its least height, and the room for the mark below it."""


def strip(results: Sequence[Result], *, places: int) -> Markup:
    """Draw *results*, the newest of which comes first, with the newest at the right end of *places* bars.

    A run that failed has a mark below its bar, and one that was cancelled is hollow, so nobody needs to tell colours apart.
    """
    longest = max((one.seconds or 0.0 for one in results), default=0.0) or 1.0
    width, height = places * _STEP, _HEIGHT + _FOOT
    bars = "".join(
        _bar(one.status, width - (i + 1) * _STEP, (one.seconds or 0.0) / longest)
        for i, one in enumerate(results[:places])
    )
    # Numbers and states alone: nothing in it needs to be escaped.
    return Markup(  # noqa: S704  # nosec B704
        f'<svg class="strip" role="img" aria-label="{_words(results)}" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}">{bars}</svg>'
    )


def _bar(status: str, x: int, share: float) -> str:
    height = max(_LEAST, round(_HEIGHT * share))
    bar = f'<rect class="{status}" x="{x}" y="{_HEIGHT - height}" width="{_BAR}" height="{height}"/>'
    mark = f'<rect class="failed" x="{x}" y="{_HEIGHT + 2}" width="{_BAR}" height="3"/>' if status == "failed" else ""
    return bar + mark


def _words(results: Sequence[Result]) -> str:
    if not results:
        return "no results yet"
    counts = Counter(one.status for one in results)
    return f"the last {len(results)}: " + ", ".join(f"{count} {status}" for status, count in counts.most_common())
