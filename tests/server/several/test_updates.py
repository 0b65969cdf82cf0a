"""Updates of two servers on one database, each of which has an installation of its own."""

from __future__ import annotations

from cictl_testing.processes import eventually
from cictl_testing.server import RunningServer
from cictl_testing.servers.sharing import SharingServer

from cictl.wire.admin.updates import UpdateKey, UpdateStatus

Both = tuple[SharingServer, SharingServer]


def updates(server: RunningServer) -> UpdateStatus:
    return server.read(UpdateStatus, "/api/v1/update/status")


def know_each_other(*servers: RunningServer) -> None:
    for server in servers:
        server.services.updates.fellows.follow()
    for server in servers:
        eventually(lambda server=server: updates(server).servers, what="the other server")  # type: ignore[misc]


def test_an_update_is_that_of_the_server_that_was_asked(apart: Both) -> None:
    here, there = apart
    know_each_other(here, there)
    assert here.post("/api/v1/update/apply", {"target_version": "v2.0.0"}).status_code == 400
    assert updates(here).status[UpdateKey.STATUS] == "failed"
    assert UpdateKey.STATUS not in updates(there).status
    [shown] = updates(there).servers
    assert shown.instance_id == here.services.about.runtime.instance_id
    assert (shown.status[UpdateKey.STATUS], shown.status[UpdateKey.TARGET]) == ("failed", "v2.0.0")


def test_no_server_gives_up_the_update_of_another(apart: Both) -> None:
    here, there = apart
    here.services.updates.reload.book.write({UpdateKey.STATUS: "running", UpdateKey.MESSAGE: "update started"})
    there.services.updates.update.settle()
    assert updates(here).status[UpdateKey.STATUS] == "running"
    here.services.updates.update.settle()
    assert updates(here).status[UpdateKey.REASON] == "update did not complete"


def test_its_settings_are_there_after_a_restart(apart: Both) -> None:
    here, _ = apart
    here.services.updates.restart.restart()
    here.restart()
    assert updates(here).status[UpdateKey.MESSAGE] == "service restart unavailable; re-exec requested"


def test_agents_follow_once_all_servers_run_a_version(apart: Both) -> None:
    here, there = apart
    there.version = "v1.9.0"
    there.restart()
    know_each_other(here, there)
    assert here.services.updates.fellows.run("v1.9.0")
    assert not here.services.updates.fellows.run("v2.0.0")
    there.close()
    eventually(lambda: here.services.updates.fellows.run("v2.0.0"), what="the end of the older one")
    there.start()
