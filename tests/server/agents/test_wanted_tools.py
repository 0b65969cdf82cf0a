"""Asking agents for the tools that waiting executions and loaded projects need."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from cictl_testing.processes import eventually
from cictl_testing.server import RunningServer
from cictl_testing.stores.records import make_job

from cictl.wire.agents import MOST_WANTED_TOOLS, LeaseResponse
from cictl.wire.waiting.explain import Explanation, Fix, Reason
from cictl_server.signals.topics import QUEUE


def needing(*tools: str) -> str:
    wanted = ", ".join(f'{tool}: ">=1"' for tool in tools)
    return f'[{{id: work, requires: {{tools: {{{wanted}}}}}, steps: [{{run: "true"}}]}}]'


def explain(server: RunningServer, job_id: str) -> Explanation:
    return server.read(Explanation, f"/api/v1/jobs/{job_id}/explain")


def test_tools_of_loaded_projects_are_asked_for(server: RunningServer) -> None:
    server.define(needing("python3", "go"))
    first = server.heartbeat(tools_looked_for="")
    assert first.wanted_tools == ["go", "python3"]
    assert server.heartbeat(tools_looked_for=first.wanted_tools_id).wanted_tools == []
    assert server.heartbeat(tools_looked_for="").wanted_tools_id == first.wanted_tools_id, "it has not looked yet"
    server.restart()
    assert server.heartbeat(tools_looked_for=first.wanted_tools_id).wanted_tools == []
    server.define(needing("jq"))
    assert server.heartbeat(tools_looked_for=first.wanted_tools_id).wanted_tools == ["go", "jq", "python3"]


def test_agents_that_look_for_none_are_asked_for_none(server: RunningServer) -> None:
    server.define(needing("python3"))
    assert b"wanted_tools" not in server.http.simulate_post("/api/v1/heartbeat", json={"agent_id": "a"}).content


def test_nothing_is_asked_for_when_nothing_is_needed(server: RunningServer) -> None:
    server.define('[{id: work, steps: [{run: "true"}]}]')
    assert server.heartbeat(tools_looked_for="").wanted_tools_id == ""


def test_waiting_executions_go_first_where_there_are_too_many(server: RunningServer) -> None:
    pipeline = server.define(needing("zzz"))
    server.define(needing(*(f"t{number}" for number in range(MOST_WANTED_TOOLS))))
    assert "zzz" not in server.heartbeat(tools_looked_for="").wanted_tools
    server.run(pipeline)
    wanted = server.heartbeat(tools_looked_for="").wanted_tools
    assert (wanted[0], len(wanted)) == ("zzz", MOST_WANTED_TOOLS)


@pytest.mark.parametrize("name", ["../evil", "--eval", "a b", "", "x" * 65])
def test_what_is_no_name_of_a_tool_is_not_asked_for(server: RunningServer, name: str) -> None:
    server.store.write(lambda tx: tx.jobs.put(make_job(1, needs={f"requires.tool.{name}": "*"})))
    assert server.heartbeat(tools_looked_for="").wanted_tools == []


def test_explain_tells_that_agents_are_being_asked(server: RunningServer) -> None:
    server.heartbeat("old", capabilities={})
    server.heartbeat("new", capabilities={}, tools_looked_for="")
    [job_id] = server.run(server.define(needing("python3")))
    found = explain(server, job_id)
    assert found.reason is Reason.UNMET_REQUIREMENTS
    assert found.summary == "agents are being asked whether they have python3 >= 1; new answers within some seconds"
    assert found.fixes == [Fix(text="look again in some seconds", command="cictl jobs explain 1/work")]
    assert [(agent.agent_id, agent.unmet[0].asked) for agent in found.agents] == [("new", True), ("old", False)]
    assert found.agents[0].unmet[0].text == "python3 >= 1 is being asked for"


def test_explain_tells_what_is_missing_once_they_have_answered(server: RunningServer) -> None:
    [job_id] = server.run(server.define(needing("python3")))
    asked = server.heartbeat("new", capabilities={}, tools_looked_for="").wanted_tools_id
    server.heartbeat("new", capabilities={}, tools_looked_for=asked)
    found = explain(server, job_id)
    assert found.summary == "agent new lacks something: python3 is missing, wants >= 1"
    assert [fix.text for fix in found.fixes] == ["install python3 >= 1 on new, then let it look again"]
    server.heartbeat("new", capabilities={"tool.python3": "3.11"}, tools_looked_for=asked)
    assert explain(server, job_id).reason is Reason.READY


def test_an_offline_agent_is_asked_nothing(server: RunningServer) -> None:
    server.heartbeat("new", capabilities={}, tools_looked_for="")
    server.clock.step(61)
    [job_id] = server.run(server.define(needing("python3")))
    assert not explain(server, job_id).agents[0].unmet[0].asked


@pytest.fixture
def waiting(server: RunningServer) -> Iterator[list[LeaseResponse]]:
    """A lease that waits for work, of an agent that offers nothing yet; its answer when there is one."""
    server.heartbeat(capabilities={})
    answers: list[LeaseResponse] = []
    thread = threading.Thread(target=lambda: answers.append(server.lease(capabilities={}, wait_seconds=20)))
    thread.start()
    eventually(lambda: server.services.core.hub.is_watched(QUEUE), what="the lease to wait")
    yield answers
    server.services.core.hub.close()
    thread.join()


def test_a_waiting_lease_gets_what_a_heartbeat_makes_possible(
    server: RunningServer, waiting: list[LeaseResponse]
) -> None:
    server.run(server.define(needing("python3")))
    server.heartbeat(capabilities={"tool.python3": "3.11.2"})
    eventually(lambda: waiting, what="the answer")
    assert waiting[0].assigned
