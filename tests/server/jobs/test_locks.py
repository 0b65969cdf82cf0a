"""Locks: on one host, one execution at a time has each of them."""

from __future__ import annotations

import threading

import pytest
from cictl_testing.processes import eventually
from cictl_testing.server import RunningServer

from cictl.wire.agents import AgentProcess, LeaseResponse
from cictl.wire.waiting.explain import Explanation, Reason

STEPS = 'steps: [{run: "true"}]'


def define(server: RunningServer, **locks: str) -> dict[str, str]:
    """Start a run of a job for each name, with these locks, and return the ids of the executions by name."""
    jobs = ", ".join(f"{{id: {name}, locks: {names}, {STEPS}}}" for name, names in locks.items())
    return dict(zip(locks, server.run(server.define(f"[{jobs}]")), strict=True))


def given(server: RunningServer, *agents: str) -> list[str]:
    """Let agents ask for work, and return the jobs that they got; an empty text for nothing."""
    found = (server.lease(agent).job_execution for agent in agents)
    return [job.facts.pipeline_job_id if job else "" for job in found]


def on_host(server: RunningServer, host: str, *agents: str) -> None:
    for agent in agents:
        server.heartbeat(agent, hostname=host)


def process(server: RunningServer, host: str, pid: int = 1) -> AgentProcess:
    return AgentProcess(started_utc=server.clock(), pid=pid, host=host, work_dir_id=f"{pid}@{host}")


def test_agents_on_one_host_share_its_locks_and_others_have_their_own(server: RunningServer) -> None:
    on_host(server, "moss", "a", "b")
    on_host(server, "fern", "c")
    define(server, one="[port-8000]", two="[port-8000]", three="[port-8000]")
    assert given(server, "a", "b", "c") == ["one", "", "two"]


def test_slots_of_one_agent_share_its_locks(server: RunningServer) -> None:
    own = process(server, "moss")
    server.heartbeat("a", hostname="moss", process=own, slots=2)
    define(server, one="[port-8000]", two="[port-8000]", free="[port-9000]")
    found = [server.lease("a", process=own, slots=2, slot=slot).job_execution for slot in (1, 2)]
    assert [job and job.facts.pipeline_job_id for job in found] == ["one", "free"]


def test_an_agent_without_a_host_name_has_locks_of_its_own(server: RunningServer) -> None:
    define(server, one="[x]", two="[x]", three="[x]")
    assert given(server, "a", "b") == ["one", "two"]


def test_a_lease_before_the_first_heartbeat_counts_for_the_host_of_its_process(server: RunningServer) -> None:
    define(server, one="[x]", two="[x]")
    assert server.lease("a", process=process(server, "Moss", 1)).assigned
    assert not server.lease("b", process=process(server, "moss", 2)).assigned


def test_one_of_several_locks_is_enough_to_wait(server: RunningServer) -> None:
    on_host(server, "moss", "a", "b", "c")
    define(server, one="[x, y]", two="[y, z]", three="[z]")
    assert given(server, "a", "b", "c") == ["one", "three", ""]


def test_a_lock_holds_back_no_other_job(server: RunningServer) -> None:
    on_host(server, "moss", "a", "b")
    define(server, one="[x]", two="[x]", plain="[]")
    assert given(server, "a", "b") == ["one", "plain"]


@pytest.mark.parametrize("way", ["end", "cancel", "expiry"])
def test_an_end_frees_the_locks_and_wakes_who_waits(server: RunningServer, way: str) -> None:
    on_host(server, "moss", "a", "b")
    ids = define(server, one="[x]", two="[x]")
    server.running("a") if way == "end" else server.leased("a")
    answers: list[LeaseResponse] = []
    waiting = threading.Thread(target=lambda: answers.append(server.lease("b", wait_seconds=20)))
    waiting.start()
    eventually(lambda: server.services.core.hub.waiting or None, what="a request that waits")
    match way:
        case "end":
            server.report(ids["one"], "succeeded", "a")
        case "cancel":
            server.cancel(ids["one"])
        case "expiry":
            server.clock.step(46)
            server.services.jobs.expiry.run_once()
    waiting.join()
    assert [job and job.facts.pipeline_job_id for job in [answers[0].job_execution]] == [
        "one" if way == "expiry" else "two"
    ]


def test_locks_are_named_by_rows(server: RunningServer) -> None:
    on_host(server, "moss", "a", "b", "c")
    matrix = "matrix: {axes: {port: ['80', '81']}, include: [{port: '80', name: again}]}"
    ids = server.run(server.define(f"[{{id: j, {matrix}, locks: ['port-{{{{port}}}}', '{{{{tag}}}}'], {STEPS}}}]"))
    assert [server.job(job_id).locks for job_id in ids] == [["port-80"], ["port-81"], ["port-80"]]
    assert given(server, "a", "b", "c") == ["j", "j", ""]


def test_a_job_that_begins_late_does_so_only_while_its_locks_are_free(server: RunningServer) -> None:
    """An agent without tokens may begin what was leased to it, although that lease ran out."""
    on_host(server, "moss", "a", "b")
    ids = define(server, one="[x]", two="[x]")
    server.leased("a")
    server.clock.step(46)
    server.services.jobs.expiry.run_once()
    server.cancel(ids["two"])
    assert server.report(ids["one"], "running", "a").status_code == 200
    third = define(server, three="[x]")
    assert given(server, "b") == [""]
    server.report(ids["one"], "succeeded", "a")
    assert given(server, "b") == ["three"]
    [fourth] = define(server, four="[x]").values()
    assert server.report(fourth, "running", "a").status_code == 409
    assert server.job(third["three"]).status == "leased"


def test_an_explanation_names_the_holder(server: RunningServer) -> None:
    on_host(server, "moss", "a", "b")
    ids = define(server, serve="[port-8000]", check="[port-8000]")
    server.running("a")
    found = server.read(Explanation, f"/api/v1/jobs/{ids['check']}/explain")
    assert (found.reason, found.agents[0].lock_holder) == (Reason.HOST_LOCKED, ids["serve"])
    assert found.summary == "2 agents fit, but none is free: b must wait: 1/serve has the lock port-8000 on its host"
    assert [fix.command for fix in found.fixes] == ["cictl jobs watch 1/serve"]


class TestWhatTheServerEnds:
    """The processes of a job that was cancelled, timed out or superseded may need a while to end."""

    @pytest.fixture
    def ids(self, server: RunningServer) -> dict[str, str]:
        on_host(server, "moss", "a", "b")
        on_host(server, "fern", "c")
        ids = define(server, one="[x]", two="[x]", three="[x]", other="[y]")
        server.running("a")
        server.cancel(ids["one"])
        return ids

    def test_its_locks_rest_on_its_host_until_its_agent_asks_for_other_work(
        self, server: RunningServer, ids: dict[str, str]
    ) -> None:
        found = server.read(Explanation, f"/api/v1/jobs/{ids['two']}/explain")
        assert {agent.agent_id: agent.lock_holder_short_id for agent in found.agents} == {
            "a": "1/one",
            "b": "1/one",
            "c": "",
        }
        assert given(server, "b", "c") == ["other", "two"]
        assert given(server, "a") == ["three"]

    def test_a_slot_that_asks_wakes_other_agents_of_the_host(self, server: RunningServer, ids: dict[str, str]) -> None:
        assert given(server, "b") == ["other"]
        server.report(ids["other"], "running", "b")
        server.report(ids["other"], "succeeded", "b")
        assert server.drain("a").status_code == 200
        assert given(server, "b") == [""]
        assert given(server, "a", "b") == ["", "two"]

    @pytest.mark.parametrize(("running", "expected"), [([], "two"), (["one"], ""), (None, "")])
    def test_a_heartbeat_that_does_not_name_it_frees_its_locks(
        self, server: RunningServer, ids: dict[str, str], running: list[str] | None, expected: str
    ) -> None:
        assert given(server, "b") == ["other"]
        server.report(ids["other"], "running", "b")
        server.report(ids["other"], "succeeded", "b")
        named = None if running is None else [ids[name] for name in running]
        server.heartbeat("a", hostname="moss", running_job_ids=named)
        assert given(server, "b") == [expected]

    def test_its_locks_do_not_rest_for_ever(self, server: RunningServer, ids: dict[str, str]) -> None:
        assert given(server, "b") == ["other"]
        server.report(ids["other"], "running", "b")
        server.report(ids["other"], "succeeded", "b")
        server.clock.step(19.9)
        assert given(server, "b") == [""]
        server.clock.step(0.2)
        assert given(server, "b") == ["two"]

    def test_what_never_ran_frees_its_locks_at_once(self, server: RunningServer) -> None:
        on_host(server, "moss", "a", "b")
        ids = define(server, one="[x]", two="[x]")
        server.leased("a")
        server.cancel(ids["one"])
        assert given(server, "b") == ["two"]
