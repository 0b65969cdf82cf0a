from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.servers.openbao import openbao, own_openbao
from cictl_testing.stores.fixtures import chosen_store, own_postgres, postgres, postgres_places

__all__ = ["chosen_store", "openbao", "own_openbao", "own_postgres", "postgres", "postgres_places"]


@pytest.fixture
def server(tmp_path: Path, chosen_store: None) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path / "data")
    yield running
    running.close()
