"""Mask all texts of a message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

_Message = TypeVar("_Message", bound=msgspec.Struct)


def masked_message(message: _Message, redact: Callable[[str], str], *, keep: frozenset[str] = frozenset()) -> _Message:
    """Return *message* with each text masked, also inside its lists, mappings and messages.

    Args:
        keep: Fields, at any depth, that stay as they are because their values are words of the protocol.
    """
    changes = {
        name: _masked(getattr(message, name), redact, keep) for name in message.__struct_fields__ if name not in keep
    }
    return msgspec.structs.replace(message, **changes)


def _masked(value: Any, redact: Callable[[str], str], keep: frozenset[str]) -> Any:  # Any: a field of any message
    if type(value) is str:  # a StrEnum's member is a fixed word, and stays
        return redact(value)
    if isinstance(value, msgspec.Struct):
        return masked_message(value, redact, keep=keep)
    if isinstance(value, list):
        return [_masked(item, redact, keep) for item in value]
    if isinstance(value, dict):
        return {_masked(key, redact, keep): _masked(item, redact, keep) for key, item in value.items()}
    return value
