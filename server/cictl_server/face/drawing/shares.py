"""What parts are of their whole, as one bar."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

_WIDTH, _HEIGHT = 100, 8


def shares(counts: Mapping[str, int]) -> Markup:
    """Draw *counts*, by states, as parts of their sum; nothing if that is 0. The text says the numbers."""
    total = sum(counts.values())
    if not total:
        return Markup("")
    words = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    return Markup(
        '<svg class="shares" role="img" aria-label="{}" viewBox="0 0 {} {}" preserveAspectRatio="none">{}</svg>'
    ).format(words, _WIDTH, _HEIGHT, Markup("").join(_parts(counts, total)))


def _parts(counts: Mapping[str, int], total: int) -> list[Markup]:
    parts: list[Markup] = []
    begin = 0.0
    for state, count in counts.items():
        width = count / total * _WIDTH
        if count:
            parts.append(
                Markup('<rect class="{}" x="{}" y="0" width="{}" height="{}"/>').format(
                    state, round(begin, 2), round(width, 2), _HEIGHT
                )
            )
        begin += width
    return parts
