"""What a server tells of the servers on the same data."""

from __future__ import annotations

from cictl_testing.server import RunningServer

from cictl.wire.admin.server import ServerList
from cictl.wire.words import Feature


def test_a_server_that_is_alone_lists_itself_and_leads(server: RunningServer) -> None:
    begun = server.clock.now
    server.clock.step(60)
    [listed] = server.read(ServerList, "/api/v1/servers").servers
    info = server.services.about.runtime.info()
    assert (listed.instance_id, listed.name, listed.version) == (info.instance_id, info.hostname, info.version)
    assert (listed.started_utc, listed.seen_utc) == (begun, server.clock.now)
    assert listed.leads == ["background"]
    assert Feature.SERVERS in info.features
