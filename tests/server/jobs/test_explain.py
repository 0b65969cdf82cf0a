"""`explain`: why an execution waits, which agent is nearest, and what would help."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cictl_testing.installs.updatable import Updatable
from cictl_testing.processes import eventually
from cictl_testing.server import RunningServer

from cictl.wire.jobs import Cause, JobStatus
from cictl.wire.waiting.explain import Explanation, Fix, Reason

NEEDS_GO = '[{id: work, requires: {tools: {go: ">=1.22"}}, steps: [{run: "true"}]}]'
ON_WINDOWS = '[{id: work, runs_on: {os: windows}, requires: {tools: {go: "*"}}, steps: [{run: "true"}]}]'
CHAIN = '[{id: a, steps: [{run: "true"}]}, {id: b, needs: [a], steps: [{run: "true"}]}]'
SHELL = '[{id: w, runs_on: {executor: script, shell: cmd}, steps: [{run: "true"}]}]'


def explain(server: RunningServer, job_id: str) -> Explanation:
    return server.read(Explanation, f"/api/v1/jobs/{job_id}/explain")


def needing_go(server: RunningServer, **agents: str) -> Explanation:
    """Explain an execution that needs go, to agents with these versions of it; empty for none."""
    for agent_id, version in agents.items():
        server.heartbeat(agent_id, capabilities={"tool.go": version} if version else {})
    [job_id] = server.run(server.define(NEEDS_GO))
    return explain(server, job_id)


def commands(explanation: Explanation) -> list[str]:
    return [fix.command for fix in explanation.fixes]


def nearest_first(explanation: Explanation) -> list[str]:
    return [agent.agent_id for agent in explanation.agents]


def test_the_server_tells_that_it_explains(server: RunningServer) -> None:
    assert "explain" in server.get("/api/v1/server-info").json["features"]


def test_an_unknown_execution(server: RunningServer) -> None:
    assert server.get("/api/v1/jobs/job-1/explain").status_code == 404


def test_leases_pause_for_an_update(tmp_path: Path) -> None:
    it = Updatable.create(tmp_path)
    it.server.enqueue()
    running = it.server.running()
    it.server.heartbeat("free")
    it.change_tools(drain=timedelta(minutes=5), apply_wait=timedelta(0))
    it.apply()
    eventually(lambda: it.server.lease("free").message == "server is updating", what="the pause")
    waiting = it.server.enqueue()
    assert explain(it.server, waiting).summary.endswith(
        "the server is about to update itself and gives out no jobs until it is back"
    )
    it.server.report(running.id, "succeeded")
    it.close()


def test_no_agent_at_all(server: RunningServer) -> None:
    found = explain(server, server.enqueue())
    assert (found.reason, found.summary) == (Reason.NO_AGENTS, "no agent ever connected")
    assert found.fixes == [Fix(text="start an agent", command="cictl run-agent")]


def test_pinned_to_an_agent_that_never_came(server: RunningServer) -> None:
    server.heartbeat("other")
    found = explain(server, server.enqueue(agent_id="mac"))
    assert (found.reason, found.agents) == (Reason.NO_AGENTS, [])
    assert found.summary == "it is pinned to agent mac, which never connected"
    assert found.fixes == [Fix(text="start agent mac", command="cictl run-agent --id mac")]


def test_of_a_pinned_execution_only_that_agent_counts(server: RunningServer) -> None:
    server.heartbeat("free")
    server.heartbeat("mac")
    server.act("deactivate", "mac")
    found = explain(server, server.enqueue(agent_id="mac"))
    assert nearest_first(found) == ["mac"]
    assert found.reason is Reason.AGENT_DEACTIVATED


def test_a_free_agent_takes_it_soon(server: RunningServer) -> None:
    found = needing_go(server, a="1.22.1")
    assert (found.reason, found.older_jobs, found.fixes) == (Reason.READY, 0, [])
    assert found.summary.startswith("agent a fits and is free")


def test_a_missing_tool(server: RunningServer) -> None:
    found = needing_go(server, a="")
    assert found.reason is Reason.UNMET_REQUIREMENTS
    assert found.summary == "agent a lacks something: go is missing, wants >= 1.22"
    [unmet] = found.agents[0].unmet
    assert (unmet.requirement, unmet.want, unmet.have) == ("requires.tool.go", ">=1.22", "")


def test_the_wrong_version_and_what_mends_it(server: RunningServer) -> None:
    found = needing_go(server, a="1.20")
    assert found.agents[0].unmet[0].text == "go is 1.20, wants >= 1.22"
    assert found.fixes == [
        Fix(text="install go >= 1.22 on a, then let it look again", command="cictl agents refresh-tools a")
    ]


def test_a_tool_that_tells_no_version(server: RunningServer) -> None:
    found = needing_go(server, a="1")
    assert found.agents[0].unmet[0].text == "go tells no version, wants >= 1.22"


def test_an_agent_that_may_never_look_for_a_tool(server: RunningServer) -> None:
    found = needing_go(server, a="")
    assert found.agents[0].fixed_tools
    assert found.fixes[0].text == (
        "install go >= 1.22 on a, then let it look again; "
        "it looks only for tools that it knows: if that does not help, start another agent"
    )


def test_what_cannot_be_installed_needs_another_agent(server: RunningServer) -> None:
    server.heartbeat("a", capabilities={"tool.go": "1.22"})
    [job_id] = server.run(server.define(ON_WINDOWS))
    found = explain(server, job_id)
    assert found.summary == "agent a lacks something: os is linux, wants windows"
    assert found.fixes == [Fix(text="start an agent that has os=windows and go", command="cictl run-agent")]


def test_a_label_that_no_agent_has(server: RunningServer) -> None:
    jobs = '[{id: w, runs_on: {gpu: a100, zone: eu}, steps: [{run: "true"}]}]'
    [job_id] = server.run(server.define(jobs))
    assert commands(explain(server, job_id)) == ["cictl run-agent --label gpu=a100 --label zone=eu"]
    server.heartbeat("a", capabilities={"gpu": "t4", "zone": "eu"})
    server.heartbeat("b", capabilities={})
    found = explain(server, job_id)
    assert found.summary == "no agent has label gpu=a100; agents offer gpu=t4"
    assert [unmet.text for unmet in found.agents[0].unmet] == ["label gpu is t4, wants a100"]
    assert [unmet.text for unmet in found.agents[1].unmet] == ["no label gpu=a100", "no label zone=eu"]
    assert found.fixes == [
        Fix(
            text="start an agent that has gpu=a100 and zone=eu",
            command="cictl run-agent --label gpu=a100 --label zone=eu",
        )
    ]


def test_a_name_in_another_case_is_pointed_out(server: RunningServer) -> None:
    server.heartbeat("a", capabilities={"gpu": "a100", "tool.git": "2.39.5"})
    jobs = '[{id: w, runs_on: {GPU: a100}, requires: {tools: {Git: ">=2"}}, steps: [{run: "true"}]}]'
    [job_id] = server.run(server.define(jobs))
    texts = [unmet.text for unmet in explain(server, job_id).agents[0].unmet]
    assert texts == ["no label GPU=a100 (it has gpu)", "Git is missing, wants >= 2 (it has git)"]


def test_a_label_that_nobody_has_and_a_tool_that_the_nearest_lacks(server: RunningServer) -> None:
    for agent_id in "ab":
        server.heartbeat(agent_id, capabilities={})
    jobs = '[{id: w, runs_on: {gpu: a100, agent_id: a}, requires: {tools: {go: "*"}}, steps: [{run: "true"}]}]'
    [job_id] = server.run(server.define(jobs))
    found = explain(server, job_id)
    assert found.summary == "no agent has label gpu=a100; agent a lacks something: go is missing"
    assert commands(found) == ["cictl run-agent --id a --label gpu=a100"]


@pytest.mark.parametrize(
    ("capabilities", "texts"),
    [
        pytest.param({"executor": "script", "shells": "posix"}, ["shells are posix, wants cmd"], id="another shell"),
        pytest.param({"executor": "script"}, ["no shell, wants cmd"], id="no shell"),
        pytest.param({"shells": "posix, cmd"}, ["no executor, wants script"], id="no executor"),
    ],
)
def test_unmet_capabilities_in_words(server: RunningServer, capabilities: dict[str, str], texts: list[str]) -> None:
    server.heartbeat("a", capabilities=capabilities)
    [job_id] = server.run(server.define(SHELL))
    assert [unmet.text for unmet in explain(server, job_id).agents[0].unmet] == texts


def test_container_tools_are_no_obstacle(server: RunningServer) -> None:
    server.heartbeat("a")
    jobs = '[{id: w, runs_on: {container_image: x}, requires: {container: {tools: {go: "*"}}}, steps: [{run: "true"}]}]'
    [job_id] = server.run(server.define(jobs))
    assert explain(server, job_id).reason is Reason.READY


def test_what_can_be_installed_is_nearer_than_what_cannot(server: RunningServer) -> None:
    server.http.simulate_post("/api/v1/heartbeat", json={"agent_id": "win", "os": "windows"})
    server.heartbeat("linux", capabilities={"tool.go": "1.22"})
    [job_id] = server.run(server.define(ON_WINDOWS))
    found = explain(server, job_id)
    assert nearest_first(found) == ["win", "linux"]
    assert found.summary.startswith("none of the 2 agents has all that it needs; win comes nearest")


def test_of_equal_ones_the_free_is_nearer_than_busy_deactivated_offline(server: RunningServer) -> None:
    server.heartbeat("a-offline")
    server.clock.step(61)
    for agent_id in ("b-deactivated", "c-busy", "d-free"):
        server.heartbeat(agent_id)
    server.act("deactivate", "b-deactivated")
    server.enqueue()
    server.leased("c-busy")
    assert nearest_first(explain(server, server.enqueue())) == ["d-free", "c-busy", "b-deactivated", "a-offline"]


def test_fewer_lacks_weigh_more_than_being_free(server: RunningServer) -> None:
    server.heartbeat("fits", capabilities={"tool.go": "1.22"})
    server.act("deactivate", "fits")
    found = needing_go(server, free="1.20")
    assert nearest_first(found) == ["fits", "free"]
    assert found.reason is Reason.AGENT_DEACTIVATED


def test_a_deactivated_agent(server: RunningServer) -> None:
    server.heartbeat("a")
    server.act("deactivate")
    found = explain(server, server.enqueue())
    assert found.summary == "agent a fits, but is deactivated"
    assert commands(found) == ["cictl agents activate a"]
    server.act("activate")
    assert explain(server, found.job_execution_id).reason is Reason.READY


def test_an_agent_that_somebody_lets_drain(server: RunningServer) -> None:
    server.heartbeat("a")
    server.drain("a", "new kernel")
    found = explain(server, server.enqueue())
    assert (found.reason, found.summary) == (Reason.AGENT_DRAINING, "agent a fits, but drains: new kernel")
    assert commands(found) == ["cictl agents activate a"]


def test_an_idle_agent_that_is_switched_off_comes_before_waiting_for_a_busy_one(server: RunningServer) -> None:
    for agent_id in ("off", "busy"):
        server.heartbeat(agent_id)
    server.act("deactivate", "off")
    held = server.enqueue()
    server.running("busy")
    found = explain(server, server.enqueue())
    assert (
        found.summary
        == f"2 agents fit, but none is free: busy is busy with {server.short_id(held)}; off is deactivated"
    )
    assert [fix.text for fix in found.fixes] == ["activate agent off", f"or wait for {server.short_id(held)}"]
    assert commands(found) == ["cictl agents activate off", f"cictl jobs watch {server.short_id(held)}"]


def test_an_agent_that_drains_is_busy_until_its_jobs_are_over(server: RunningServer) -> None:
    server.heartbeat("a", slots=2)
    held = server.enqueue()
    server.running("a")
    server.heartbeat("a", slots=2, draining=True, running_job_ids=[held])
    assert explain(server, server.enqueue()).agents[0].busy_with == held


def test_an_agent_is_offline_a_minute_after_its_last_sign(server: RunningServer) -> None:
    server.heartbeat("a", hostname="rack-7")
    job_id = server.enqueue()
    seen = explain(server, job_id).agents[0].last_seen_utc
    server.clock.now = seen
    server.clock.step(60)
    assert explain(server, job_id).reason is Reason.READY
    server.clock.step(0.001)
    found = explain(server, job_id)
    assert (found.reason, found.agents[0].last_seen_utc) == (Reason.AGENT_OFFLINE, seen)
    assert found.summary == "agent a fits, but is offline"
    assert found.fixes == [Fix(text="start agent a again on rack-7", command="cictl run-agent --id a")]


def test_everything_that_keeps_the_nearest_agent_is_to_be_mended(server: RunningServer) -> None:
    needing_go(server, a="1.20")
    server.act("deactivate")
    server.clock.step(61)
    found = needing_go(server)
    assert commands(found) == ["cictl agents refresh-tools a", "cictl run-agent --id a", "cictl agents activate a"]


def test_busy_agents_and_older_jobs(server: RunningServer) -> None:
    for agent_id in ("a", "b"):
        server.enqueue()
        server.heartbeat(agent_id)
    held = [server.running("a").id, server.running("b").id]
    server.enqueue()
    server.run(server.define(NEEDS_GO))  # none of the agents would take it first
    found = explain(server, server.enqueue())
    assert (found.reason, found.older_jobs) == (Reason.AGENT_BUSY, 1)
    assert found.summary == f"2 agents fit, but none is free: a is busy with {server.short_id(held[0])}"
    assert [agent.busy_with for agent in found.agents] == held
    assert commands(found) == [f"cictl jobs watch {server.short_id(held[0])}"]


def test_those_that_go_first_are_told_by_their_priority(server: RunningServer) -> None:
    server.heartbeat("a")
    usual, _, late = server.enqueue(), server.enqueue(priority=2), server.enqueue(priority=-1)
    urgent = server.enqueue(priority=1)
    counts = {job_id: explain(server, job_id).older_jobs for job_id in (usual, late, urgent)}
    assert counts == {usual: 2, late: 3, urgent: 1}


def test_blocked_by_what_waits_itself(server: RunningServer) -> None:
    server.heartbeat("a")
    a, b = server.run(server.define(CHAIN))
    found = explain(server, b)
    assert (found.reason, found.summary) == (Reason.BLOCKED, "it waits for a (queued)")
    [blocker] = found.blocked_by
    assert (blocker.need, blocker.job_execution_id, blocker.status) == ("a", a, JobStatus.QUEUED)
    assert commands(found) == [f"cictl jobs explain {server.short_id(a)}"]


def test_blocked_by_what_runs(server: RunningServer) -> None:
    a, b = server.run(server.define(CHAIN))
    server.heartbeat("a")
    server.running("a")
    found = explain(server, b)
    assert found.summary == "it waits for a (running)"
    assert commands(found) == [f"cictl jobs watch {server.short_id(a)}"]


def test_of_a_matrix_only_unfinished_rows_block(server: RunningServer) -> None:
    jobs = '[{id: m, matrix: {include: [{name: x}, {name: y}]}, steps: [{run: "true"}]}, {id: b, needs: [m], steps: [{run: "true"}]}]'
    *_, b = server.run(server.define(jobs))
    server.finish("succeeded")
    assert [blocker.matrix_name for blocker in explain(server, b).blocked_by] == ["y"]


def test_a_failed_row_will_end_what_waits(server: RunningServer) -> None:
    jobs = "[{id: m, matrix: {include: [{name: x}, {name: y}]}, steps: [{run: x}]}, {id: b, needs: [m], steps: [{run: x}]}]"
    x, y, b = server.run(server.define(jobs))
    server.finish("failed")
    found = explain(server, b)
    assert found.summary == "it waits for m (failed, queued)"
    assert commands(found)[:2] == [
        f"cictl jobs explain {server.short_id(x)}",
        f"cictl jobs explain {server.short_id(y)}",
    ]


def test_a_blocked_execution_tells_what_would_stop_it_later(server: RunningServer) -> None:
    server.heartbeat("a")
    jobs = CHAIN.replace("needs: [a]", 'needs: [a], requires: {tools: {go: "*"}}')
    a, b = server.run(server.define(jobs))
    assert commands(explain(server, b)) == [f"cictl jobs explain {server.short_id(a)}", "cictl agents refresh-tools a"]


def test_of_a_chain_unfinished_pipelines_block(server: RunningServer) -> None:
    pipelines = "[{id: base, jobs: [{id: x, steps: [{run: y}]}]}, {id: top, depends_on: [base], jobs: [{id: x, steps: [{run: y}]}]}]"
    ids = server.define_project(f"pipelines: {pipelines}\npipeline_chains: [{{id: all, pipelines: [base, top]}}]")
    base, top = server.run_chain(ids["all"])
    found = explain(server, top)
    assert (found.reason, found.summary) == (Reason.BLOCKED, "it waits for base (queued)")
    assert [(blocker.pipeline_id, blocker.job_execution_id) for blocker in found.blocked_by] == [("base", base)]


def test_a_rerun_blocks_in_place_of_what_it_repeats(server: RunningServer) -> None:
    jobs = "[{id: a, steps: [{run: x}]}, {id: z, steps: [{run: x}]}, {id: b, needs: [a, z], steps: [{run: x}]}]"
    a, z, b = server.run(server.define(jobs))
    server.finish("succeeded")
    again = server.post(f"/api/v1/jobs/{a}/rerun").json["job_execution"]["id"]
    assert [blocker.job_execution_id for blocker in explain(server, b).blocked_by] == [again, z]


@pytest.mark.parametrize("go", ["1.22", "1.20", ""])
@pytest.mark.parametrize("state", ["free", "busy", "deactivated"])
def test_it_says_ready_exactly_when_a_lease_succeeds(server: RunningServer, go: str, state: str) -> None:
    server.heartbeat("a", capabilities={"tool.go": go})
    if state == "busy":
        server.enqueue()
        server.leased()
    if state == "deactivated":
        server.act("deactivate")
    found = needing_go(server)
    assert (found.reason is Reason.READY) is server.lease().assigned


def test_commands_are_safe_to_paste(server: RunningServer) -> None:
    server.heartbeat("a; reboot")
    server.act("deactivate", "a; reboot")
    assert commands(explain(server, server.enqueue())) == ["cictl agents activate 'a; reboot'"]


def test_a_released_execution_is_not_blocked(server: RunningServer) -> None:
    _, b = server.run(server.define(CHAIN))
    server.heartbeat("a")
    server.finish("succeeded")
    assert explain(server, b).reason is Reason.READY


def test_states_that_do_not_wait(server: RunningServer) -> None:
    job_id = server.enqueue()
    server.heartbeat("a")
    server.leased()
    leased = explain(server, job_id)
    assert (leased.reason, leased.agent_id, leased.since_utc) == (Reason.LEASED, "a", server.clock())
    server.clock.step(3)
    server.report(job_id, "running", current_step="Step 1/1: make")
    running = explain(server, job_id)
    assert (running.reason, running.since_utc, running.current_step) == ("running", server.clock(), "Step 1/1: make")
    assert commands(running) == [f"cictl jobs logs -f {server.short_id(job_id)}"]
    server.clock.step(3)
    server.report(job_id, "succeeded")
    over = explain(server, job_id)
    assert (over.reason, over.since_utc, over.summary) == ("succeeded", server.clock(), "it succeeded on agent a")
    assert (over.agents, over.fixes) == ([], [])


def test_a_run_whose_agent_went_silent(server: RunningServer) -> None:
    job_id = server.enqueue()
    server.heartbeat("a")
    server.running()
    server.clock.step(61)
    found = explain(server, job_id)
    assert "nothing was heard of that agent" in found.summary
    assert commands(found)[-1] == "cictl agents show a"


def test_the_silence_of_an_agent_without_heartbeats_means_nothing(server: RunningServer) -> None:
    job_id = server.enqueue()
    server.running()
    assert explain(server, job_id).summary == "it runs on agent a"


def test_a_failed_execution(server: RunningServer) -> None:
    job_id = server.enqueue()
    server.running()
    server.report(job_id, "failed", error="Step 1/1 failed", exit_code=2)
    found = explain(server, job_id)
    assert (found.reason, found.summary) == (Reason.FAILED, "it failed on agent a: Step 1/1 failed")
    assert commands(found) == [
        f"cictl jobs logs {server.short_id(job_id)} --tail 50",
        f"cictl jobs rerun {server.short_id(job_id)}",
    ]


def test_a_cancelled_execution(server: RunningServer) -> None:
    job_id = server.enqueue()
    server.cancel(job_id)
    found = explain(server, job_id)
    assert (found.cause, found.summary) == (Cause.CANCELLED, "it was cancelled by a user")
    assert commands(found) == [f"cictl jobs rerun {server.short_id(job_id)}"]


def test_a_deactivated_agents_execution(server: RunningServer) -> None:
    job_id = server.enqueue()
    server.heartbeat("a")
    server.running()
    server.act("deactivate")
    assert explain(server, job_id).summary == "it was cancelled by a user while agent a had it"


def test_an_execution_whose_agent_was_lost(server: RunningServer) -> None:
    job_id = server.enqueue()
    server.heartbeat("a")
    server.running()
    server.clock.step(61)
    server.services.jobs.expiry.run_once()
    found = explain(server, job_id)
    assert found.cause is Cause.AGENT_LOST
    assert commands(found) == ["cictl agents show a", f"cictl jobs rerun {server.short_id(job_id)}"]


def test_an_execution_that_a_failed_one_took_along(server: RunningServer) -> None:
    a, b = server.run(server.define(CHAIN))
    server.finish("failed")
    found = explain(server, b)
    assert found.summary == "it never ran: required job a failed"
    assert [blocker.job_execution_id for blocker in found.blocked_by] == [a]
    assert commands(found) == [
        f"cictl jobs explain {server.short_id(a)}",
        f"cictl jobs rerun {server.short_id(a)}",
        "cictl run shop/build",
    ]
