"""Fixtures of tests whose servers get the chosen store: a conftest.py imports them all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cictl_testing.servers.postgres import Postgres, own_postgres, postgres
from cictl_testing.stores.chosen import VARIABLE, PostgresPlaces, chosen_kind, use_postgres

__all__ = ["chosen_store", "own_postgres", "postgres", "postgres_places"]


@pytest.fixture(scope="session")
def postgres_places(postgres: Postgres) -> Iterator[PostgresPlaces]:
    places = PostgresPlaces(postgres)
    use_postgres(places)
    yield places
    places.close()


@pytest.fixture(autouse=True)
def chosen_store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the database ready that the chosen store needs, and empty it afterwards.

    The servers of a test marked `tinydb` have that, whatever is chosen: it looks into its files, measures it, or tries what no store decides.
    """
    if request.node.get_closest_marker("tinydb"):
        monkeypatch.setenv(VARIABLE, "tiny")
    places = request.getfixturevalue("postgres_places") if chosen_kind() == "postgresql" else None
    yield
    if places is not None:
        places.empty()
