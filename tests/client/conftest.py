"""A client, and the server of its test."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from cictl_testing.servers.answers import AnsweringServer

from cictl_client import Client


@pytest.fixture
def server() -> Iterator[AnsweringServer]:
    scripted = AnsweringServer()
    scripted.start()
    yield scripted
    scripted.close()


@pytest.fixture
def client(server: AnsweringServer) -> Iterator[Client]:
    """A client that repeats nothing by itself."""
    with Client(server.url, retries=0) as connected:
        yield connected


@pytest.fixture
def dead_url() -> Iterator[str]:
    """An address that refuses connections."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
