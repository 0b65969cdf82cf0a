"""Agents that somebody lets drain: they end what they have, and get no other work."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.agents import Agent, AgentResponse


def shown(server: RunningServer) -> Agent:
    return server.read(AgentResponse, "/api/v1/agents/a").agent


def test_it_ends_what_it_has_and_takes_no_more(server: RunningServer) -> None:
    server.heartbeat("a")
    first, second = server.enqueue(), server.enqueue()
    server.running("a")
    assert server.drain("a", "new kernel").json["message"] == "agent drains; active jobs=1"
    assert server.report(first, "succeeded").status_code == 200
    assert (server.job(first).status, server.lease("a").message) == ("succeeded", "agent drains: new kernel")
    assert server.leased("b").id == second


def test_lists_show_it_until_it_is_activated(server: RunningServer) -> None:
    server.heartbeat("a")
    server.drain("a", "  new\n kernel ")
    assert (shown(server).draining, shown(server).drain_reason) == (True, "new kernel")
    server.act("activate", "a")
    assert (shown(server).draining, shown(server).drain_reason) == (False, "")
    server.enqueue()
    assert server.lease("a").assigned


def test_an_agent_that_is_deactivated_and_drains_is_activated_at_once(server: RunningServer) -> None:
    server.heartbeat("a")
    server.drain("a")
    server.act("deactivate", "a")
    assert (shown(server).draining, shown(server).deactivated) == (True, True)
    server.act("activate", "a")
    assert (shown(server).draining, shown(server).deactivated) == (False, False)


@pytest.mark.parametrize("way", ["restart", "remove"])
def test_it_outlives(server: RunningServer, way: str) -> None:
    server.heartbeat("a")
    server.drain("a", "new kernel")
    if way == "restart":
        server.restart()
    else:
        server.http.simulate_delete("/api/v1/agents/a", params={"force": "true"})
        server.enqueue()
        assert server.lease("a").message == "agent drains: new kernel"
    server.heartbeat("a")
    assert shown(server).drain_reason == "new kernel"


def test_an_answer_that_was_lost_is_given_again(server: RunningServer) -> None:
    server.heartbeat("a")
    job_id = server.enqueue()
    server.lease("a", request_id="one")
    server.drain("a")
    again = server.lease("a", request_id="one").job_execution
    assert again is not None
    assert again.id == job_id


def test_it_begins_nothing_whose_lease_has_run_out(server: RunningServer) -> None:
    server.heartbeat("a")
    job_id = server.enqueue()
    server.leased("a")
    server.drain("a")
    server.clock.step(60)
    server.services.jobs.expiry.run_once()
    assert server.report(job_id, "running", "a").status_code == 409
    assert server.job(job_id).status == "queued"


def test_it_is_not_among_those_who_could_take_a_job(server: RunningServer) -> None:
    server.heartbeat("a")
    server.drain("a")
    assert server.job(server.enqueue()).unmet_requirements == ["no agents connected"]


@pytest.mark.parametrize(
    ("reason", "said"),
    [(" ", "reason is required"), ("x" * 201, "reason has 201 characters; 200 are allowed")],
    ids=["blank", "long"],
)
def test_a_reason_must_be_given_and_short(server: RunningServer, reason: str, said: str) -> None:
    server.heartbeat("a")
    answer = server.drain("a", reason)
    assert (answer.status_code, answer.text.strip()) == (400, said)
    assert not shown(server).draining


def test_the_audit_has_who_and_why(server: RunningServer) -> None:
    server.heartbeat("a")
    server.drain("a", "new kernel")
    [record] = server.audit(action="agent.drained")
    assert ([target.id for target in record.targets], record.details["reason"]) == (["a"], "new kernel")
