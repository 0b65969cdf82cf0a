"""The signals of servers that work on the same data."""

from __future__ import annotations

from dataclasses import dataclass

from cictl_server.signals.contract import Signals


@dataclass(frozen=True)
class Two:
    """The signals of two servers; the same twice where a server is always alone."""

    here: Signals
    there: Signals
