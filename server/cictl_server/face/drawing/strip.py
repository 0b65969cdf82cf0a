"""The last results of a pipeline as a strip of bars: one for each run, as high as the run was long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from markupsafe import Markup

from cictl.wire.runs import Run

_STEP, _BAR, _HEIGHT, _LEAST, _FOOT = 7, 5, 20, 4, 6
"""Pixels: from bar to bar, the width and the greatest height of one, its least height, and the room for the mark below it."""


def strip(runs: Sequence[Run], *, places: int) -> Markup:
    """Draw *runs*, the newest of which comes first, with the newest at the right end of *places* bars.

    A run that failed has a mark below its bar, and one that was cancelled is hollow, so nobody needs to tell colours apart.
    """
    longest = max((_seconds(run) for run in runs), default=0.0) or 1.0
    width = places * _STEP
    bars = Markup("").join(
        _bar(run, width - (i + 1) * _STEP, _seconds(run) / longest) for i, run in enumerate(runs[:places])
    )
    return Markup(
        '<svg class="strip" role="img" aria-label="{}" width="{}" height="{}" viewBox="0 0 {} {}">{}</svg>'
    ).format(_words(runs), width, _HEIGHT + _FOOT, width, _HEIGHT + _FOOT, bars)


def _bar(run: Run, x: int, share: float) -> Markup:
    height = max(_LEAST, round(_HEIGHT * share))
    bar = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        run.status.value, x, _HEIGHT - height, _BAR, height
    )
    if run.status.value != "failed":
        return bar
    return bar + Markup('<rect class="failed" x="{}" y="{}" width="{}" height="3"/>').format(x, _HEIGHT + 2, _BAR)


def _words(runs: Sequence[Run]) -> str:
    if not runs:
        return "no results yet"
    counts = Counter(run.status.value for run in runs)
    return f"the last {len(runs)}: " + ", ".join(f"{count} {status}" for status, count in counts.most_common())


def _seconds(run: Run) -> float:
    if run.started_utc is None or run.finished_utc is None:
        return 0.0
    return (run.finished_utc - run.started_utc).total_seconds()
