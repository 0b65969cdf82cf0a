"""One fixture for each kind of store there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from cictl_testing.servers.postgres import database_url, postgres
from cictl_testing.stores.reopening import IN_A_DIRECTORY, POSTGRESQL, Reopenable, open_postgres_store

from cictl_server.store.contract import Store

__all__ = ["database_url", "postgres"]


@pytest.fixture(params=[*IN_A_DIRECTORY, POSTGRESQL])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopenable]:
    place = Reopenable(_opener(request, tmp_path / "data"))
    yield place
    place.store.close()


@pytest.fixture
def store(place: Reopenable) -> Store:
    return place.store


def _opener(request: pytest.FixtureRequest, directory: Path) -> Callable[[], Store]:
    if request.param == POSTGRESQL:
        return partial(open_postgres_store, request.getfixturevalue("database_url"))
    return partial(IN_A_DIRECTORY[request.param], directory)
