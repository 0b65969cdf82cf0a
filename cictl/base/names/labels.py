"""The names of what an agent offers: facts, which it finds out itself, and labels, which its operator gives it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

MOST_LABELS = 64
MOST_KEY = 63
MOST_VALUE = 128
"""How many labels an agent may have, and how many characters a key and a value."""

_FACTS = frozenset({"agent_id", "arch", "executor", "os", "run_mode", "shell", "shells", "updater"})
_FACT_PREFIXES = ("tool.", "requires.", "container.", "container_", "host.", "cictl.")
_KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?", re.ASCII)
_NO_VALUE = "true"


class LabelError(ValueError):
    """A label can't be used; the text says why and what to do."""


def is_fact(key: str) -> bool:
    """Tell whether a capability of this name is a fact. Case does not count: a label `OS` would only mislead."""
    return key.casefold() in _FACTS or key.casefold().startswith(_FACT_PREFIXES)


def labels_in(capabilities: Mapping[str, str] | None) -> dict[str, str]:
    """Return those of an agent's *capabilities* that are labels, sorted by key."""
    return {key: value for key, value in sorted((capabilities or {}).items()) if not is_fact(key)}


def parse_labels(texts: Iterable[str]) -> dict[str, str]:
    """Return the labels in *texts*, each of which has one or several `key=value`, separated by commas.

    A key alone has the value `true`.

    Raises:
        LabelError: One of them can't be a label, they contradict each other, or there are too many.
    """
    labels: dict[str, str] = {}
    for text in texts:
        for part in text.split(","):
            key, value = _parse(part)
            if labels.setdefault(key, value) != value:
                raise LabelError(f"label {key} has two values, {labels[key]} and {value}; give it one")
    if len(labels) > MOST_LABELS:
        raise LabelError(f"{len(labels)} labels; an agent may have {MOST_LABELS}")
    return labels


def _key_problem(key: str) -> str:
    if not key:
        return "a label needs a key, as in gpu=a100"
    if is_fact(key):
        return f"{key} is a fact that the agent finds out itself; choose another key"
    if len(key) > MOST_KEY:
        return f"the key {_shown(key)} has {len(key)} characters; it may have {MOST_KEY}"
    if not _KEY.fullmatch(key):
        return f"the key {_shown(key)} may have letters, digits and ._/- between letters or digits"
    return ""


def label_problem(key: str, value: str) -> str:
    """Return why no agent can have this label; empty if one can."""
    return _key_problem(key) or _value_problem(key, value)


def _parse(part: str) -> tuple[str, str]:
    key, equals, value = (piece.strip() for piece in part.partition("="))
    value = value if equals else _NO_VALUE
    if problem := label_problem(key, value):
        raise LabelError(problem)
    return key, value


def _value_problem(key: str, value: str) -> str:
    if not value:
        return f"label {key} has no value"
    if "," in value or value != value.strip():
        return f"the value of label {key} may have no commas, and no blanks around it"
    if len(value) > MOST_VALUE:
        return f"the value of label {key} has {len(value)} characters; it may have {MOST_VALUE}"
    if not value.isprintable():
        return f"the value of label {key} has characters that can't be printed"
    return ""


def _shown(text: str) -> str:
    return ascii(text if len(text) <= MOST_KEY else text[:MOST_KEY] + "...")
