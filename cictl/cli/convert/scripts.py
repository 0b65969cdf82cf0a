"""Variables that a CI sets for scripts, under the names that they have here."""

from __future__ import annotations

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$(?:\{(?P<braced>[A-Z][A-Z0-9_]*)(?=[}:%#/-])|(?P<bare>[A-Z][A-Z0-9_]*))")


def renamed(script: str, names: Mapping[str, str]) -> str:
    """Return *script* with the variables of *names* under their other names. One that maps to the empty text stays."""

    def other(match: re.Match[str]) -> str:
        name = match["braced"] or match["bare"]
        new = names.get(name, "")
        return match[0] if not new else f"${{{new}" if match["braced"] else f"${new}"

    return _VARIABLE.sub(other, script)


def unknown(script: str, names: Mapping[str, str]) -> list[str]:
    """Return the variables in *script* that the CI sets and that have no equal: those that map to the empty text."""
    found = (match["braced"] or match["bare"] for match in _VARIABLE.finditer(script))
    return list(dict.fromkeys(name for name in found if names.get(name) == ""))
