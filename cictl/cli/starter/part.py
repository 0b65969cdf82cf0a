"""What a kind of code brings to a project file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WORDS_OF_YAML = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})


@dataclass(frozen=True, kw_only=True)
class Part:
    """One kind of code that was found.

    Attributes:
        label: Such as `Python with pytest`.
        job: A job in YAML, not indented, with comments for who reads it first.
    """

    label: str
    job: str


def quoted(text: str) -> str:
    """Return *text* as a YAML scalar."""
    return (
        text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML else json.dumps(text, ensure_ascii=False)
    )


def read(file: Path) -> str:
    """Return what is in *file*; the empty text if it can't be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
