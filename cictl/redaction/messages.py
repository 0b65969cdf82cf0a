"""Mask all texts of a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

_Message = TypeVar("_Message", bound=msgspec.Struct)
Words = Mapping[str, frozenset[str]]
_NO_WORDS: Words = {}
_BETWEEN = "\0"


def masked_message(
    message: _Message,
    redact: Callable[[str], str],
    *,
    keep: frozenset[str] = frozenset(),
    words: Words = _NO_WORDS,
) -> _Message:
    """Return *message* with each text masked, also inside its lists, mappings and messages.

    Args:
        keep: Fields, at any depth, that stay as they are.
        words: For fields, at any depth, the words of the protocol that stay as they are in them, although a secret may be
            such a word. Any other text in them is masked.
    """

    def holds_none(texts: dict[Any, Any]) -> bool:
        """Tell whether these are texts without a secret: all are asked at once, since mostly there is none in them."""
        if not all(type(text) is str for pair in texts.items() for text in pair):
            return False
        whole = _BETWEEN.join([*texts, *texts.values()])
        return redact(whole) == whole

    def masked(value: Any) -> Any:  # Any: a field of any message
        if type(value) is str:  # a StrEnum's member is a fixed word, and stays
            return redact(value)
        if isinstance(value, msgspec.Struct):
            return masked_message(value, redact, keep=keep, words=words)
        if isinstance(value, list):
            return [masked(item) for item in value]
        if isinstance(value, dict):
            if holds_none(value):
                return value
            return {masked(key): masked(item) for key, item in value.items()}
        return value

    fields = {name: getattr(message, name) for name in message.__struct_fields__ if name not in keep}
    changes = {name: masked(value) for name, value in fields.items() if not _is_word(value, words.get(name))}
    return msgspec.structs.replace(message, **changes)


def _is_word(value: object, words: frozenset[str] | None) -> bool:
    return words is not None and isinstance(value, str) and value in words
