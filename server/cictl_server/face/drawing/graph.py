"""The jobs of a run as boxes in columns, each a link, with a line from each job to those that need it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from cictl_server.face.shown import icon_of, shown, word_of
from cictl_server.services.runs.graph import GraphJob, Key

MOST_DRAWN = 200
"""Past so many jobs a picture tells less than the table beside it."""

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _EDGE = 184, 44, 48, 12, 4
_LETTERS = 18
"""How many letters of a name fit into a box; the whole name is its title."""

_Place = tuple[int, int]


def graph(jobs: Sequence[GraphJob], *, root: str, static: str) -> Markup:
    """Draw *jobs*, those of an earlier layer first.

    Args:
        root: What links begin with; `static` is the same of files.
    """
    places = _places(jobs)
    width = max((x for x, _ in places.values()), default=0) + _WIDTH + 2 * _EDGE
    height = max((y for _, y in places.values()), default=0) + _HEIGHT + 2 * _EDGE
    lines = Markup("").join(
        _line(places[need], places[job.key]) for job in jobs for need in job.needs if need in places
    )
    boxes = Markup("").join(_box(job, places[job.key], root=root, static=static) for job in jobs)
    return Markup(
        '<svg class="graph" width="{0}" height="{1}" viewBox="-{2} -{2} {0} {1}" role="group" aria-label="Jobs and what they need">{3}{4}</svg>'
    ).format(width, height, _EDGE, lines, boxes)


def _places(jobs: Sequence[GraphJob]) -> dict[Key, _Place]:
    """Return where each box is. In a column they stand as the mean of what they need does, so that few lines cross."""
    columns: defaultdict[int, list[GraphJob]] = defaultdict(list)
    for job in jobs:
        columns[job.layer].append(job)
    places: dict[Key, _Place] = {}
    for layer in sorted(columns):
        column = sorted(columns[layer], key=lambda job: _mean(job.needs, places))
        for row, job in enumerate(column):
            places[job.key] = (layer * (_WIDTH + _GAP_X), row * (_HEIGHT + _GAP_Y))
    return places


def _mean(needs: Sequence[Key], places: Mapping[Key, _Place]) -> float:
    heights = [places[need][1] for need in needs if need in places]
    return sum(heights) / len(heights) if heights else 0.0


def _line(before: _Place, after: _Place) -> Markup:
    x1, y1 = before[0] + _WIDTH, before[1] + _HEIGHT // 2
    x2, y2 = after[0], after[1] + _HEIGHT // 2
    middle = (x1 + x2) // 2
    return Markup('<path d="M{} {}C{} {} {} {} {} {}"/>').format(x1, y1, middle, y1, middle, y2, x2, y2)


def _box(job: GraphJob, place: _Place, *, root: str, static: str) -> Markup:
    x, y = place
    name = str(shown(job.name))
    short = name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
    return Markup(
        '<a href="{href}" class="{status}"><title>{name}: {told}</title>'
        '<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>'
        '<use href="{static}icons.svg#{icon}" x="{icon_x}" y="{icon_y}" width="14" height="14"/>'
        '<text class="job" x="{text_x}" y="{first_y}">{short}</text><text x="{text_x}" y="{second_y}">{told}</text></a>'
    ).format(
        href=f"{root}jobs/{job.rows[0].id}" if len(job.rows) == 1 else f"#rows-{'-'.join(job.key)}",
        status=job.status,
        name=name,
        told=told(job),
        short=short,
        static=static,
        icon=icon_of(job.status),
        x=x,
        y=y,
        width=_WIDTH,
        height=_HEIGHT,
        icon_x=x + 10,
        icon_y=y + 15,
        text_x=x + 32,
        first_y=y + 19,
        second_y=y + 35,
    )


def told(job: GraphJob) -> str:
    """Return how a job stands in few words: `failed`, or `1 failed of 6`."""
    if len(job.rows) == 1:
        return "waiting for approval" if job.approval else word_of(job.status)
    count = sum(row.status == job.status for row in job.rows)
    whole = len(job.rows)
    return f"{whole} {job.status}" if count == whole else f"{count} {job.status} of {whole}"
