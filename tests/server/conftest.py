from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.servers.openbao import openbao, own_openbao

__all__ = ["openbao", "own_openbao"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path / "data")
    yield running
    running.close()
