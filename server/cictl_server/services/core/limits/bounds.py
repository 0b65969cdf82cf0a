"""What agents tell, cut to what is kept of it: no text, list or number from outside is stored at any size."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any, TypeVar

import msgspec
from msgspec.structs import astuple

M = TypeVar("M", bound=msgspec.Struct)

MARK = " … [cut]"
"""How a text ends that was longer."""

EXACT = 2**53 - 1
"""The largest whole number that every reader of JSON keeps exact: RFC 8259, 6."""

_ANY = 2**63
_TEXTS = frozenset({str})


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a message is kept.

    Attributes:
        text: Bytes of a text, with its mark. A key of a map that is longer is left out, since cut it would be another one.
        items: Entries of a list or a map; the first ones stay.
        low, high: Of numbers; the nearer one replaces a number beyond.
        fields: Other bounds for what is in some fields, by name.
    """

    text: int = 1024
    items: int = 1000
    low: int = -EXACT
    high: int = EXACT
    fields: Mapping[str, Bounds] = msgspec.field(default_factory=dict)


AS_IT_IS = Bounds(text=_ANY, items=_ANY, low=-_ANY, high=_ANY)
"""For fields that have a limit elsewhere."""


def bounded(message: M, bounds: Bounds) -> M:
    """Return *message* within *bounds*, at every depth."""
    changes: dict[str, Any] = {}
    for name, value in zip(message.__struct_fields__, astuple(message), strict=True):
        if not value and (value is False or value != 0):  # as most fields of most messages are
            continue
        of_field = bounds.fields.get(name, bounds)
        if of_field is AS_IT_IS:
            continue
        kept = _bounded(value, of_field)
        if kept is not value:
            changes[name] = kept
    return msgspec.structs.replace(message, **changes) if changes else message


def cut_text(text: str, most: int) -> str:
    """Return *text*, or its beginning and `MARK` if it has more than *most* bytes of UTF-8."""
    if len(text) * 4 <= most:
        return text
    data = text.encode()
    if len(data) <= most:
        return text
    return data[: most - len(MARK.encode())].decode(errors="ignore") + MARK


def _bounded(value: Any, bounds: Bounds) -> Any:  # Any: a field of any message
    if type(value) is str:  # a StrEnum's member is a fixed word, and stays
        return cut_text(value, bounds.text)
    if type(value) in (int, float):
        return min(max(value, bounds.low), bounds.high)
    if type(value) is dict:
        if _is_small(value, bounds):
            return value
        short = [(key, item) for key, item in value.items() if len(key.encode()) <= bounds.text]
        return {key: _bounded(item, bounds) for key, item in short[: bounds.items]}
    if type(value) is list:
        return [_bounded(item, bounds) for item in value[: bounds.items]]
    return bounded(value, bounds) if isinstance(value, msgspec.Struct) else value


def _is_small(mapping: Mapping[str, Any], bounds: Bounds) -> bool:
    """Tell quickly whether a map of texts is within *bounds*, as the capabilities of an agent are, which come with each report."""
    most = bounds.text // 4  # characters, of which each takes up to four bytes
    texts = mapping.values()
    if len(mapping) > bounds.items or not _TEXTS.issuperset(map(type, texts)):
        return False
    return max(map(len, chain(mapping, texts)), default=0) <= most
