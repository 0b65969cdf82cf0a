"""Two servers on the same data, for each kind of signals there is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from cictl_testing.servers.postgres import Postgres, database_url, own_postgres, postgres
from cictl_testing.signals import Two, connected

from cictl.base.clock import utc_now
from cictl_server.signals.identity import Identity
from cictl_server.signals.memory import MemorySignals

__all__ = ["database_url", "own_postgres", "postgres"]


@pytest.fixture(params=["memory", "postgresql"])
def two(request: pytest.FixtureRequest) -> Iterator[Two]:
    kinds = {"memory": _alone, "postgresql": _connected}
    with kinds[request.param](request) as both:
        yield both


@contextmanager
def _alone(_request: pytest.FixtureRequest) -> Iterator[Two]:
    with closing(MemorySignals(utc_now, Identity(version="1.2.3"))) as signals:
        yield Two(here=signals, there=signals)


@contextmanager
def _connected(request: pytest.FixtureRequest) -> Iterator[Two]:
    server: Postgres = request.getfixturevalue("postgres")
    with server.schema() as url, connected(url) as here, connected(url) as there:
        yield Two(here=here, there=there)
