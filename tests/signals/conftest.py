"""Two servers on the same data, for each kind of signals there is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cictl_testing.signals import Two

from cictl.base.clock import utc_now
from cictl_server.signals.identity import Identity
from cictl_server.signals.memory import MemorySignals


@pytest.fixture(params=["memory"])
def two() -> Iterator[Two]:
    signals = MemorySignals(utc_now, Identity(version="1.2.3"))
    yield Two(here=signals, there=signals)
    signals.close()
