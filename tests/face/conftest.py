"""A browser for each worker of the tests, and a server for each test."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cictl_testing.face.browser import CHROMIUM, IS_REQUIRED, Contexts, Looking, chromium
from cictl_testing.server import RunningServer, SteppedClock
from cictl_testing.servers.threads import ThreadedServer
from cictl_testing.stores.fixtures import chosen_store, own_postgres, postgres, postgres_places

from cictl_server.app import create_app

__all__ = ["chosen_store", "own_postgres", "postgres", "postgres_places"]

_FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that look with a browser, and leave them out where there is none, unless it is required."""
    for item in items:
        if {"browser", "look"} & set(getattr(item, "fixturenames", ())) and _FOLDER in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM.exists() and not IS_REQUIRED:
                item.add_marker(pytest.mark.skip(reason=f"no {CHROMIUM}: apt install chromium"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Contexts]:
    with chromium() as found:
        yield Contexts(found)


@pytest.fixture(scope="session")
def port() -> Iterator[int]:
    """The port of all servers that one worker looks at: a context that is used again knows its server."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


@dataclass
class Shown:
    """A server to look at: `server` has the verbs of tests, `url` is where a browser finds it."""

    server: RunningServer
    url: str


@pytest.fixture
def shown(tmp_path: Path, chosen_store: None, port: int) -> Iterator[Shown]:
    """A server that is reached through a socket. Its clock begins now, so that ages on pages are those of the browser."""
    clock = SteppedClock()
    clock.now = datetime.now(UTC)
    server = RunningServer(tmp_path / "data", clock=clock)
    threads = ThreadedServer(create_app(server.services), port=port)
    yield Shown(server, threads.url)
    server.services.core.hub.close()
    threads.stop()
    server.close()


@pytest.fixture
def look(browser: Contexts, shown: Shown) -> Iterator[Looking]:
    """Opens pages of the server: `look("/runs/1")`. What the browser complains of fails the test."""
    looking = Looking(browser, shown.url)
    yield looking
    looking.close()
