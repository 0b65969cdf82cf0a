"""Settings in the environment. Each of ours has two names: `CICTL_X`, and `CIWI_X` as the reference calls it."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PREFIXES = ("CICTL_", "CIWI_")
_LEADS_TO_DATA = re.compile(r"PG[A-Z]+|AWS_[A-Z0-9_]+")
"""What libpq and clients of S3 read: `PGPASSWORD`, `AWS_SECRET_ACCESS_KEY`, and all others of their kind."""


def find_setting(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the value of the setting *name*, and the variable that it is from: `CICTL_<name>`, else `CIWI_<name>`.

    The value is trimmed. A blank variable counts as unset. Both texts are empty if the setting is unset.
    """
    for prefix in _PREFIXES:
        if value := environ.get(prefix + name, "").strip():
            return value, prefix + name
    return "", ""


def without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* without any of these settings."""
    return {name: value for name, value in environ.items() if not name.startswith(_PREFIXES)}


def setting(environ: Mapping[str, str], name: str) -> str:
    """Return the value of the setting *name*, as `find_setting` finds it."""
    return find_setting(environ, name)[0]


def has_servers_data(environ: Mapping[str, str]) -> bool:
    """Tell whether *environ* is that of a server with a database or a bucket."""
    return bool(setting(environ, "STORE")) or "://" in setting(environ, "FILES")


def without_data_access(environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* without the variables from which libpq and clients of S3 take addresses, names and keys."""
    return {name: value for name, value in environ.items() if not _LEADS_TO_DATA.fullmatch(name)}
