"""Checking paths from outside, before they become files below a directory of the server."""

from __future__ import annotations

from collections.abc import Iterable

from cictl.base.names.artifact_paths import BadArtifactPath, clean_path
from cictl_server.errors import InvalidRequest

_MOST_SHOWN = 500


def clean_artifact_path(path: str) -> str:
    """Return *path* cleaned, with `/` between its parts; see `clean_path`.

    Raises:
        InvalidRequest: No artifact can have this name.
    """
    try:
        return clean_path(path)
    except BadArtifactPath as error:
        raise bad_path(path, str(error)) from error


def check_paths(paths: Iterable[str], *, keeps_case: bool) -> None:
    """Refuse lists that a directory can't hold: a path twice, a file where a directory must be.

    Args:
        keeps_case: `README` and `readme` are two files there.

    Raises:
        InvalidRequest: The list is one of those.
    """
    seen: set[str] = set()
    keys = [path if keeps_case else path.casefold() for path in paths]
    for key in keys:
        if key in seen:
            raise bad_path(key, "it is listed twice")
        seen.add(key)
    for key in keys:
        for position, char in enumerate(key):
            if char == "/" and key[:position] in seen:
                raise bad_path(key, f'it lies below the file "{key[:position]}"')


def bad_path(path: str, reason: str) -> InvalidRequest:
    """Return the refusal of one artifact, which is named as the contract has it."""
    shown = path if len(path) <= _MOST_SHOWN else path[:_MOST_SHOWN] + "…"
    return InvalidRequest(f'invalid artifact path: "{shown}"', hint=reason)
