"""The base of every group of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cictl_client.retry import Mutations
    from cictl_client.transport import Transport

GIT_SECONDS = 150.0
"""Longer than the server may ask remotes: two minutes for a whole project, less for a run."""


class Calls:
    """A part of `Client`: the calls about one noun."""

    _transport: Transport
    _mutations: Mutations


def given(**params: str | int | None) -> dict[str, str | int]:
    """Return the parameters that say something; None and an empty text don't, 0 does."""
    return {name: value for name, value in params.items() if value is not None and value != ""}
