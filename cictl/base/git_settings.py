"""Settings for one run of git, by its environment: unlike `git -c` they are in no list of processes, so they may hold secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def with_settings(environ: Mapping[str, str], settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return *environ* with *settings*, such as `("http.proxy", "")`, behind those that it has already (`GIT_CONFIG_COUNT`)."""
    count = environ.get("GIT_CONFIG_COUNT", "").strip()
    first = int(count) if count.isascii() and count.isdigit() else 0
    result = {**environ, "GIT_CONFIG_COUNT": str(first + len(settings))}
    for number, (key, value) in enumerate(settings, start=first):
        result[f"GIT_CONFIG_KEY_{number}"] = key
        result[f"GIT_CONFIG_VALUE_{number}"] = value
    return result
