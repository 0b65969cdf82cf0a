"""Telling the figures of a run in docs/performance.md: the table between its two marks, and the curves as SVG.

`python benchmarks/report.py FILE...` takes the figures of `make bench ARGS="--json FILE"` for those that are told from then on; several
files are told one after the other. Without FILE it makes the page anew from `benchmarks/measured.json`, which holds what was told last.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from figures import Figure

HERE = Path(__file__).parent
MEASURED = HERE / "measured.json"
PAGE = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- figures: made by benchmarks/report.py -->", "<!-- end of figures -->"

_MEMBER = re.compile(r"(?P<curve>.+), (?P<axis>[a-z ]+): (?P<number>[\d,]+)")
_LEAST_POINTS = 3
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 360, 60, 40, 20, 60
_LEGEND = 16
_COLOURS = ("#3b82c4", "#c4703b", "#4a9a5b", "#8a63b8", "#b84a6b")

CAUSES = {
    "One processor": (
        "heartbeat",
        "lease that finds nothing",
        "whole durable job",
        "server's processor time",
        "whole jobs beside",
    ),
    "A long history": ("commits", "claim and put back"),
    "Flushes": ("1 agent", "16 agents", "longest change during a compaction"),
    "Hand-overs": ("/healthz beside", "enqueue to lease", "submit to start"),
    "Two requests and one more": ("requests a trivial job",),
    "The start of a process": ("agent's own processor time", "checkout", "200 trivial jobs"),
    "Python's own start": ("cictl ", "names for the TAB key", "first answer of a server, empty"),
    "Opening a store": ("open, jobs", "first answer of a server, jobs"),
    "Bytes": ("upload", "download"),
    "Memory": ("memory",),
}
"""What limits a figure: a heading of the page, and how the names of figures begin that may miss their target because of that."""

Curve = list[tuple[int, float]]
"""The points of one curve, by ascending number."""


def told(value: float) -> str:
    """Return a number with three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as rows of a table."""
    rows = ["| measured | ratio | target | value here |", "| --- | --- | --- | --- |"]
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{told(figure.ratio)} of {figure.base}"
        rows.append(f"| {figure.name} | {ratio} | {_target(figure)} | {_value(figure)} {figure.unit} |")
    return "\n".join(rows)


def _value(figure: Figure) -> str:
    """Return the value, with more digits if it misses its target by so little that it would read as met."""
    text = told(figure.value)
    return f"{figure.value:.5g}" if figure.is_missed and text in figure.target.split() else text


def _target(figure: Figure) -> str:
    target = figure.target.replace("<=", "≤").replace(">=", "≥")
    return f"{target}, [missed](#{_anchor(cause(figure))})" if figure.is_missed else target


def cause(figure: Figure) -> str:
    """Return the heading of the page that tells what limits *figure*.

    Raises:
        LookupError: None does.
    """
    found = [heading for heading, names in CAUSES.items() if figure.name.startswith(names)]
    if not found:
        raise LookupError(f"no heading of the page tells what limits {figure.name!r}: add one to CAUSES")
    return found[0]


def _anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def curves(figures: Sequence[Figure]) -> dict[str, dict[str, Curve]]:
    """Return the curves by what their axis counts, then by their names: figures that differ in one number, at least three."""
    found: dict[str, dict[str, Curve]] = {}
    for figure in figures:
        if (match := _MEMBER.fullmatch(figure.name)) and figure.ratio is not None:
            points = found.setdefault(match["axis"], {}).setdefault(f"{match['curve']}, of {figure.base}", [])
            points.append((int(match["number"].replace(",", "")), figure.ratio))
    long = {
        axis: {name: sorted(c) for name, c in named.items() if len(c) >= _LEAST_POINTS} for axis, named in found.items()
    }
    return {axis: named for axis, named in long.items() if named}


def drawing(axis: str, named: Mapping[str, Curve]) -> str:
    """Return curves as SVG: numbers from left to right by their logarithm, ratios upwards from 0."""
    numbers = sorted({number for curve in named.values() for number, _ in curve})
    low, high = math.log10(max(1, numbers[0])), math.log10(max(10, numbers[-1]))
    top = max(1.0, *(ratio for curve in named.values() for _, ratio in curve)) * 1.1

    def across(number: int) -> float:
        return _LEFT + (math.log10(max(1, number)) - low) / (high - low or 1) * (_WIDTH - _LEFT - _RIGHT)

    def down(ratio: float) -> float:
        return _HEIGHT - _BOTTOM - ratio / top * (_HEIGHT - _TOP - _BOTTOM)

    parts = []
    for step in range(5):
        ratio = top / 1.1 * step / 4
        parts.append(_line(_LEFT, down(ratio), _WIDTH - _RIGHT, down(ratio)))
        parts.append(_text(_LEFT - 8, down(ratio) + 4, f"{ratio:.2f}", anchor="end"))
    parts += [_text(across(number), _HEIGHT - _BOTTOM + 18, f"{number:,}", anchor="middle") for number in numbers]
    parts.append(_text(_WIDTH - _RIGHT, _HEIGHT - _BOTTOM + 18 + 16, axis, anchor="end"))
    for place, (name, curve) in enumerate(named.items()):
        colour = _COLOURS[place % len(_COLOURS)]
        points = " ".join(f"{across(number):.1f},{down(ratio):.1f}" for number, ratio in curve)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{across(n):.1f}" cy="{down(r):.1f}" r="3.5" fill="{colour}"/>' for n, r in curve]
        parts.append(_text(_LEFT, _HEIGHT - 8 + _LEGEND * place, name, colour=colour))
    title = f"<title>{escape('; '.join(named))}, by {escape(axis)}</title>"
    height = _HEIGHT + _LEGEND * (len(named) - 1)
    view = f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {view}>\n' + "\n".join([title, *parts]) + "\n</svg>\n"


def _line(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="#888" stroke-opacity="0.3"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", colour: str = "#888") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def image(axis: str) -> str:
    """Return the path of the drawing for an axis, from docs/."""
    return f"images/performance-{axis.replace(' ', '-')}.svg"


def page(text: str, figures: Sequence[Figure]) -> str:
    """Return the page with the table and the drawings between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    pictures = [f"![{', '.join(named)}, by {axis}]({image(axis)})" for axis, named in curves(figures).items()]
    return f"{before}{BEGIN}\n\n" + "\n\n".join([table(figures), *pictures]) + f"\n\n{END}{after}"


def read(file: Path) -> list[Figure]:
    return [Figure(**row) for row in json.loads(file.read_text())]


def main() -> None:
    if sys.argv[1:]:
        rows = [row for file in sys.argv[1:] for row in json.loads(Path(file).read_text())]
        MEASURED.write_text(json.dumps(rows, indent=1) + "\n")
    figures = read(MEASURED)
    PAGE.write_text(page(PAGE.read_text(), figures))
    for axis, named in curves(figures).items():
        (PAGE.parent / image(axis)).write_text(drawing(axis, named))


if __name__ == "__main__":
    main()
