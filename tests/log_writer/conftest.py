"""One fixture for each place where logs are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.servers.postgres import database_url, own_postgres, postgres
from cictl_testing.stores.log_places import LOG_PLACES, LogPlace

from cictl_server.log_writer.contract import LogWriter

__all__ = ["database_url", "own_postgres", "postgres"]


@pytest.fixture(params=LOG_PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogPlace]:
    with LOG_PLACES[request.param](tmp_path, lambda: request.getfixturevalue("postgres")) as place:
        yield place


@pytest.fixture
def logs(place: LogPlace) -> LogWriter:
    return place.open()
