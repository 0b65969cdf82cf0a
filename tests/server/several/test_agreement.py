"""Two servers on one database that are set differently."""

from __future__ import annotations

import pytest
from cictl_testing.processes import eventually
from cictl_testing.server import RunningServer
from cictl_testing.servers.sharing import SharingServer

from cictl.wire.admin.server import ServerList

Both = tuple[SharingServer, SharingServer]


def follow(*servers: RunningServer) -> None:
    for server in servers:
        server.services.about.agreement.follow()


def differing(server: RunningServer) -> list[list[str]]:
    """Return in what each listed server differs from the one that answers."""
    return [one.differs for one in server.read(ServerList, "/api/v1/servers").servers]


def set_as(server: SharingServer, **options: str) -> None:
    server.restart_with(shared_settings=options)


def test_a_difference_is_logged_once_and_told(both: Both, caplog: pytest.LogCaptureFixture) -> None:
    here, there = both
    set_as(here, one="1", two="2", of_older="x")
    set_as(there, one="1", two="", of_newer="y")
    follow(here, there)
    for server in both:
        eventually(lambda server=server: ["two"] in differing(server), what="the settings of the other")  # type: ignore[misc]
    assert differing(here) == [[], ["two"]]
    assert differing(there) == [["two"], []]
    for _ in range(2):
        follow(there)
    told = [message for message in caplog.messages if "two is unset here, and 2 at" in message]
    assert len(told) == 1
    assert "one is" not in caplog.text
    assert "of_" not in caplog.text


def test_a_server_that_has_ended_is_compared_no_more(both: Both) -> None:
    here, there = both
    set_as(here, one="1")
    set_as(there, one="2")
    follow(here, there)
    eventually(lambda: ["one"] in differing(here), what="the settings of the other")
    set_as(there, one="1")
    follow(there)
    eventually(lambda: differing(here) == [[], []], what="the end of the other")
