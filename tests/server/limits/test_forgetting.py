"""Agents are known up to a number, forgotten after long silence, and removed when a user says so."""

from __future__ import annotations

from datetime import timedelta

import falcon.testing
import pytest
from cictl_testing.server import RunningServer

from cictl.wire.agents import AgentList
from cictl_server.services.fleet.limits import FleetLimits
from cictl_server.store.contract import Transaction
from cictl_server.store.records.agents import AgentRecord

DAY = 86_400


def known(server: RunningServer) -> list[str]:
    return [agent.agent_id for agent in server.read(AgentList, "/api/v1/agents").agents]


def forget(server: RunningServer) -> None:
    server.services.agents.removal.forget_silent()


def remove(server: RunningServer, agent_id: str = "a", *, force: bool = False) -> falcon.testing.Result:
    return server.http.simulate_delete(f"/api/v1/agents/{agent_id}", query_string="force=true" if force else "")


def test_one_agent_too_many_is_refused_and_the_known_ones_go_on(server: RunningServer) -> None:
    server.restart_with(fleet_limits=FleetLimits(agents=2))
    server.heartbeat("a")
    server.heartbeat("b")
    answer = server.post("/api/v1/heartbeat", {"agent_id": "c"})
    assert (answer.status_code, answer.text) == (429, "2 agents are known; the limit --max-agents is 2\n")
    server.heartbeat("a", version="2")
    assert known(server) == ["a", "b"]


def test_a_removed_agent_makes_room(server: RunningServer) -> None:
    server.restart_with(fleet_limits=FleetLimits(agents=1))
    server.heartbeat("a")
    server.clock.step(21)
    assert remove(server).json == {"removed": True, "agent_id": "a"}
    server.heartbeat("b")
    assert known(server) == ["b"]


class TestSilence:
    def test_an_agent_is_forgotten_after_thirty_days(self, server: RunningServer) -> None:
        server.heartbeat("a")
        server.clock.step(30 * DAY - 1)
        forget(server)
        assert known(server) == ["a"]
        server.clock.step(1)
        forget(server)
        assert known(server) == []

    def test_restarts_do_not_begin_the_count_anew(self, server: RunningServer) -> None:
        server.heartbeat("a")
        for _ in range(30):
            server.clock.step(DAY)
            server.restart()
        server.clock.step(3600)
        forget(server)
        assert known(server) == []

    def test_an_agent_that_reports_the_same_every_day_is_known_after_a_restart(self, server: RunningServer) -> None:
        for _ in range(40):
            server.heartbeat("a")
            server.clock.step(DAY)
        server.restart()
        server.clock.step(3600)
        forget(server)
        assert known(server) == ["a"]

    def test_a_server_forgets_nobody_in_its_first_hour(self, server: RunningServer) -> None:
        server.heartbeat("a")
        server.clock.step(40 * DAY)
        server.restart()
        server.clock.step(3599)
        forget(server)
        assert known(server) == ["a"]

    def test_an_agent_with_a_job_stays(self, server: RunningServer) -> None:
        server.heartbeat("a")
        server.enqueue()
        server.running()
        server.clock.step(40 * DAY)
        forget(server)
        assert known(server) == ["a"]

    def test_a_deactivated_agent_stays(self, server: RunningServer) -> None:
        server.heartbeat("a")
        server.act("deactivate")
        server.clock.step(400 * DAY)
        forget(server)
        assert known(server) == ["a"]

    @pytest.mark.parametrize(("after", "left"), [(timedelta(0), ["a"]), (timedelta(hours=12), [])])
    def test_the_time_is_a_setting(self, server: RunningServer, after: timedelta, left: list[str]) -> None:
        server.restart_with(fleet_limits=FleetLimits(forget_after=after))
        server.heartbeat("a")
        server.clock.step(400 * DAY)
        forget(server)
        assert known(server) == left

    def test_an_id_of_an_earlier_version_that_no_agent_can_have_now_goes(self, server: RunningServer) -> None:
        def change(tx: Transaction) -> None:
            for deactivated in (False, True):
                name = f"{deactivated}" + "x" * 5000
                tx.agents.put(AgentRecord(agent_id=name, seen=server.clock(), deactivated=deactivated))

        server.store.write(change)
        server.clock.step(3600)
        forget(server)
        assert known(server) == []
        assert b"x" * 5000 not in server.get("/api/v1/update/status").content


class TestRemoval:
    def test_an_agent_that_is_online_is_kept(self, server: RunningServer) -> None:
        server.heartbeat("a")
        answer = remove(server)
        assert (answer.status_code, answer.text) == (409, "agent is online\n")
        assert known(server) == ["a"]

    def test_an_agent_with_a_job_is_kept(self, server: RunningServer) -> None:
        server.heartbeat("a")
        server.enqueue()
        server.running()
        server.clock.step(21)
        answer = remove(server)
        assert (answer.status_code, answer.text) == (409, "agent has a job\n")

    def test_force_cancels_its_job(self, server: RunningServer) -> None:
        server.heartbeat("a")
        server.enqueue()
        job_id = server.running().id
        assert remove(server, force=True).json == {"removed": True, "agent_id": "a", "cancelled_jobs": 1}
        assert server.job(job_id).error == "cancelled by user"
        assert known(server) == []

    def test_an_unknown_agent_is_not_found(self, server: RunningServer) -> None:
        assert remove(server).status_code == 404

    def test_nothing_of_it_is_remembered(self, server: RunningServer) -> None:
        server.heartbeat("a")
        server.act("restart")
        server.clock.step(21)
        remove(server)
        assert not server.heartbeat("a").restart_requested
        assert len(server.get("/api/v1/agents/a").json["agent"]["recent_log"]) == 1

    def test_an_agent_that_comes_back_is_as_active_as_it_was(self, server: RunningServer) -> None:
        server.heartbeat("a")
        server.act("deactivate")
        server.clock.step(21)
        assert remove(server).status_code == 200
        server.restart()
        server.enqueue()
        assert server.lease("a").message == "agent is deactivated"
        server.heartbeat("a")
        assert server.get("/api/v1/agents/a").json["agent"]["deactivated"]
        server.act("activate")
        server.clock.step(21)
        remove(server)
        server.heartbeat("a")
        assert server.lease("a").assigned
