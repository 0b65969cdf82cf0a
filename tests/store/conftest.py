"""One fixture for each kind of store there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.stores.reopening import OPENERS, Reopenable

from cictl_server.store.contract import Store


@pytest.fixture(params=OPENERS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopenable]:
    place = Reopenable(OPENERS[request.param], tmp_path / "data")
    yield place
    place.store.close()


@pytest.fixture
def store(place: Reopenable) -> Store:
    return place.store
