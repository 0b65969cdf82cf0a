"""Places for requests that wait or stream: one caller gets half of them, and leaves the rest to others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import falcon.testing
import pytest
from cictl_testing.files import zipped
from cictl_testing.server import RunningServer

from cictl_server.errors import NoCapacity
from cictl_server.services.core.limits.places import Places


@pytest.fixture
def streams() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def follow(server: RunningServer, streams: ExitStack, secret: str = "") -> int:
    """Begin to follow the events as the holder of a token, go on, and return the status."""
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    environ = falcon.testing.create_environ("/api/v1/events", host="127.0.0.1", headers=headers)
    told = falcon.testing.StartResponseMock()
    blocks: Any = server.http.app(environ, told)
    if hasattr(blocks, "close"):  # a refusal is a plain list
        streams.callback(blocks.close)
    assert told.status is not None
    return int(told.status.split()[0])


def test_one_token_leaves_half_of_the_places_to_others(server: RunningServer, streams: ExitStack) -> None:
    server.restart_with(waiting_places=4)
    root, other = server.token("admin"), server.token("viewer")
    assert [follow(server, streams, root) for _ in range(3)] == [200, 200, 503]
    assert [follow(server, streams, other) for _ in range(3)] == [200, 200, 503]


def test_without_tokens_one_address_does(server: RunningServer, streams: ExitStack) -> None:
    server.restart_with(waiting_places=4)
    assert [follow(server, streams) for _ in range(3)] == [200, 200, 503]
    refused = server.get("/api/v1/events")
    text = "you have 2 of the 4 places for waiting requests, as many as one may have\n"
    assert (refused.text, refused.headers["Retry-After"]) == (text, "2")


def test_agents_count_by_themselves_whatever_their_address(server: RunningServer) -> None:
    places = server.services.core.hub
    for number in range(places.places):
        places.take_place(f"agent {number}")
    assert places.waiting == places.places


def test_downloads_of_one_caller_leave_half_of_their_places(server: RunningServer) -> None:
    server.restart_with(download_places=2)
    server.enqueue()
    job = server.running()
    path = f"/api/v1/jobs/{job.id}/artifacts"
    headers = {"Content-Type": "application/zip", "X-CIWI-Agent-ID": "a"}
    assert (
        server.ask("POST", f"{path}/upload-zip", body=zipped({"big": b"x" * 400_000}), headers=headers).status_code
        == 200
    )
    server.services.core.downloads.take_place("127.0.0.1")
    refused = server.get(f"/artifacts/{job.id}/big")
    assert (refused.status_code, "1 of the 2 places for downloads" in refused.text) == (503, True)


def test_a_place_that_was_left_can_be_taken_again() -> None:
    places = Places(places=2, use="tea")
    for _ in range(3):
        places.take_place("a")
        places.leave_place("a")
    places.take_place("b")
    with pytest.raises(NoCapacity, match="you have 1 of the 2 places for tea"):
        places.take_place("b")
    places.take_place("a")
    with pytest.raises(NoCapacity, match="all places for tea are taken"):
        places.take_place("c")
