"""Replacing the templates of a definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from cictl.project_file import render

T = TypeVar("T")


def render_all(part: T, values: Mapping[str, str]) -> T:
    """Return *part*, a text or whatever holds texts, with the templates in all of its texts replaced."""
    rendered: Any = part
    if isinstance(part, str) and type(part) is str:  # not a word of an enum
        rendered = render(part, values)
    elif isinstance(part, list):
        rendered = [render_all(item, values) for item in part]
    elif isinstance(part, dict):
        rendered = {key: render_all(value, values) for key, value in part.items()}
    elif isinstance(part, msgspec.Struct):
        fields = msgspec.structs.asdict(part)
        rendered = msgspec.structs.replace(part, **{name: render_all(value, values) for name, value in fields.items()})
    return rendered  # type: ignore[no-any-return]
