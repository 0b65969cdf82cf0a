"""Settings in the environment: each has a name of ours and one of the reference's."""

from __future__ import annotations

from collections.abc import Mapping

_PREFIXES = ("CICTL_", "CIWI_")


def find_setting(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the setting *name*, and the variable that says it: `CICTL_<name>`, else `CIWI_<name>`.

    White space around a value does not count, and a blank one is none. Without a setting both are empty.
    """
    for prefix in _PREFIXES:
        if value := environ.get(prefix + name, "").strip():
            return value, prefix + name
    return "", ""


def setting(environ: Mapping[str, str], name: str) -> str:
    """Return the setting *name* as `find_setting` finds it."""
    return find_setting(environ, name)[0]
