"""A real PostgreSQL, and a database of ours in a schema of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cictl_testing.servers.postgres import database_url, own_postgres, postgres

from cictl_server.postgres.address import DatabaseAddress
from cictl_server.postgres.database import Database

__all__ = ["database_url", "own_postgres", "postgres"]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.open(DatabaseAddress.parse(database_url))
    yield database
    database.close()
