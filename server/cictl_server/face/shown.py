"""How single values look on a page: the filters of the templates."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from markupsafe import Markup, escape

from cictl.base.text.characters import STEERING
from cictl.base.text.durations import ago, duration
from cictl.base.text.sizes import size_text

_ICONS = {
    "succeeded": "ok",
    "failed": "bad",
    "cancelled": "stop",
    "running": "run",
    "leased": "run",
    "queued": "wait",
    "waiting_approval": "hand",
    "skipped": "skip",
    "online": "ok",
    "stale": "wait",
    "offline": "bad",
    "deactivated": "stop",
    "draining": "stop",
    "busy": "run",
    "idle": "ok",
    "paused": "stop",
}
_STEERING = re.compile(f"(?![\n\r\t])[{STEERING}]")
_WORDS = {"waiting_approval": "waiting for approval"}


def icon_of(state: str) -> str:
    """Return the name of the icon for a state; `dot` for one that has none."""
    return _ICONS.get(state, "dot")


def word_of(state: str) -> str:
    """Return a state as people say it."""
    return _WORDS.get(state, state)


def instant(moment: datetime | None) -> Markup:
    """Return `<time>` with the date and the time in UTC; nothing for None."""
    if moment is None:
        return Markup("")
    day, time = _day_and_time(moment)
    return _own(f'<time datetime="{day}T{time}Z">{day} {time} UTC</time>')


def age(moment: datetime | None, now: datetime) -> Markup:
    """Return `<time>` with how long ago *moment* was, which the script keeps true; nothing for None."""
    if moment is None:
        return Markup("")
    day, time = _day_and_time(moment)
    return _own(f'<time datetime="{day}T{time}Z" title="{day} {time} UTC" data-age>{ago(now - moment)}</time>')


def took(begun: datetime | None, now: datetime, over: datetime | None = None) -> Markup:
    """Return how long something took, or takes since *begun*, which the script keeps true; nothing if it has not begun."""
    if begun is None:
        return Markup("")
    if over is not None:
        return _own(f"<span>{duration(over - begun)}</span>")
    day, time = _day_and_time(begun)
    return _own(f'<time datetime="{day}T{time}Z" data-since>{duration(now - begun)}</time>')


def span(seconds: float | timedelta | None) -> str:
    """Return a length of time as `3m05s`; nothing for None."""
    if seconds is None:
        return ""
    return duration(seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds))


def shown(value: object) -> object:
    r"""Return what a template writes: a text without what steers its direction or hides in it, as a visible `\u202e`."""
    if type(value) is not str or value.isascii():
        return value
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", value)


def code(text: object) -> Markup:
    """Return text between backticks as `<code>`, as the hints of the server have commands."""
    parts = str(shown(str(text))).split("`")
    if len(parts) % 2 == 0:
        return escape("`".join(parts))
    pieces = (Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in enumerate(parts))
    return Markup("").join(pieces)


def counted(count: int, noun: str) -> str:
    """Return `1 job` or `3 jobs`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _day_and_time(moment: datetime) -> tuple[str, str]:
    day, _, time = moment.astimezone(UTC).isoformat(timespec="seconds").partition("T")
    return day, time[:8]


def _own(markup: str) -> Markup:
    """Return *markup*, which has dates, times and lengths of time alone: nothing in it needs to be escaped. `Markup.format` takes ten times as long."""
    return Markup(markup)  # noqa: S704  # nosec B704


FILTERS: dict[str, Callable[..., object]] = {
    "icon": icon_of,
    "word": word_of,
    "instant": instant,
    "age": age,
    "took": took,
    "span": span,
    "bytes": size_text,
    "code": code,
    "counted": counted,
}
