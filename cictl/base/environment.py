"""Settings in the environment. Each has two names: `CICTL_X`, and `CIWI_X` as the reference calls it."""

from __future__ import annotations

from collections.abc import Mapping

_PREFIXES = ("CICTL_", "CIWI_")


def find_setting(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the value of the setting *name*, and the variable that it is from: `CICTL_<name>`, else `CIWI_<name>`.

    The value is trimmed. A blank variable counts as unset. Both texts are empty if the setting is unset.
    """
    for prefix in _PREFIXES:
        if value := environ.get(prefix + name, "").strip():
            return value, prefix + name
    return "", ""


def setting(environ: Mapping[str, str], name: str) -> str:
    """Return the value of the setting *name*, as `find_setting` finds it."""
    return find_setting(environ, name)[0]
