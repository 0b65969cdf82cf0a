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
