"""Two servers on one database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.servers.postgres import database_url, postgres
from cictl_testing.servers.sharing import SharingServer, sharing
from cictl_testing.servers.vault_jobs import patience

__all__ = ["database_url", "patience", "postgres"]


@pytest.fixture
def both(database_url: str, tmp_path: Path) -> Iterator[tuple[SharingServer, SharingServer]]:
    """Two that share the directory of their files too."""
    with sharing(database_url, tmp_path, tmp_path) as servers:
        yield servers


@pytest.fixture
def apart(database_url: str, tmp_path: Path) -> Iterator[tuple[SharingServer, SharingServer]]:
    """Two that have directories of their own, as on two machines."""
    with sharing(database_url, tmp_path / "here", tmp_path / "there") as servers:
        yield servers
