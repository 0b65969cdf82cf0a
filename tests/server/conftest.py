from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.servers.openbao import openbao, own_openbao
from cictl_testing.servers.postgres import Postgres, own_postgres, postgres
from cictl_testing.stores.chosen import VARIABLE, PostgresPlaces, chosen_kind, use_postgres

__all__ = ["openbao", "own_openbao", "own_postgres", "postgres"]


@pytest.fixture(scope="session")
def postgres_places(postgres: Postgres) -> Iterator[PostgresPlaces]:
    places = PostgresPlaces(postgres)
    use_postgres(places)
    yield places
    places.close()


@pytest.fixture(autouse=True)
def _chosen_store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the database ready that the chosen store needs, and empty it afterwards.

    The servers of a test marked `tinydb` have that, whatever is chosen: it looks into its files, measures it, or tries what no store decides.
    """
    if request.node.get_closest_marker("tinydb"):
        monkeypatch.setenv(VARIABLE, "tiny")
    places = request.getfixturevalue("postgres_places") if chosen_kind() == "postgresql" else None
    yield
    if places is not None:
        places.empty()


@pytest.fixture
def server(tmp_path: Path, _chosen_store: None) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path / "data")
    yield running
    running.close()
