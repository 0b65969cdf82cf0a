"""The queue gives nothing out while somebody has paused it, and to no project more than its share."""

from __future__ import annotations

import threading

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.agents import AgentProcess, LeaseResponse
from cictl.wire.waiting.explain import Explanation, Reason
from cictl.wire.waiting.queue import QueueState
from cictl_server.services.history.run_limits import RunLimits

WORK = '[{id: work, steps: [{run: "true"}]}]'


def pause(server: RunningServer, project: str = "", reason: str = "release") -> QueueState:
    answer = server.post("/api/v1/queue/pause", {"project": project, "reason": reason})
    assert answer.status_code == 200, answer.text
    return server.read(QueueState, "/api/v1/queue")


def resume(server: RunningServer, project: str = "") -> None:
    assert server.post("/api/v1/queue/resume", {"project": project}).status_code == 200


def explain(server: RunningServer, job_id: str) -> Explanation:
    return server.read(Explanation, f"/api/v1/jobs/{job_id}/explain")


def two_projects(server: RunningServer) -> tuple[str, str]:
    """Enqueue an execution of the project shop, and one of the project tea; return their ids."""
    ids = [server.define_project(f"pipelines: [{{id: build, jobs: {WORK}}}]", name=name) for name in ("shop", "tea")]
    [shop], [tea] = (server.run(pipelines["build"]) for pipelines in ids)
    return shop, tea


def test_a_pause_holds_all_jobs_back_and_outlives_a_restart(server: RunningServer) -> None:
    server.heartbeat()
    running = server.enqueue()
    server.running()
    waiting = server.enqueue()
    [told] = pause(server).pauses
    server.restart()
    server.heartbeat()
    assert (told.reason, told.project, server.lease("b").assigned) == ("release", "", False)
    assert server.report(running, "succeeded").status_code == 200
    found = explain(server, waiting)
    assert (found.reason, found.summary) == (Reason.QUEUE_PAUSED, "it waits: the queue is paused: release")
    assert [fix.command for fix in found.fixes] == ["cictl queue resume"]
    resume(server)
    assert server.leased().id == waiting


def test_a_pause_of_a_project_lets_others_run(server: RunningServer) -> None:
    shop, tea = two_projects(server)
    [told] = pause(server, "shop").pauses
    assert told.project == "shop"
    assert (server.leased("a").id, server.lease("b").assigned) == (tea, False)
    found = explain(server, shop)
    assert found.summary == "it waits: its project is paused: release"
    assert [fix.command for fix in found.fixes] == ["cictl queue resume --project shop"]
    resume(server)
    assert not server.lease("b").assigned
    resume(server, "shop")
    assert server.leased("b").id == shop


def test_lists_and_states_tell_it_of_what_waits_for_an_agent_alone(server: RunningServer) -> None:
    lint, test = server.run(
        server.define("[{id: lint, steps: [{run: x}]}, {id: test, needs: [lint], steps: [{run: x}]}]")
    )
    pause(server)
    listed = {job["id"]: job.get("waiting_reason") for job in server.get("/api/v1/jobs").json["job_executions"]}
    assert listed == {lint: "the queue is paused: release", test: None}
    assert server.job(lint).waiting_reason == "the queue is paused: release"
    assert server.get(f"/api/v1/jobs/{lint}?view=state").json["job_execution"]["waiting_reason"]


def test_who_paused_is_told(server: RunningServer) -> None:
    secret = server.token("admin", "anna")
    body = {"reason": "release"}
    answer = server.ask("POST", "/api/v1/queue/pause", secret, json=body)
    assert answer.json["pauses"][0]["paused_by"] == "anna"
    [record] = server.audit(action="queue.paused")
    assert (record.actor.name, record.details["reason"]) == ("anna", "release")


def test_a_second_pause_changes_the_reason(server: RunningServer) -> None:
    pause(server)
    assert [one.reason for one in pause(server, reason="move").pauses] == ["move"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({}, (400, "reason is required"), id="no reason"),
        pytest.param({"reason": "x", "project": "nothing"}, (404, "project not found"), id="no project"),
    ],
)
def test_a_pause_that_makes_no_sense_is_refused(
    server: RunningServer, body: dict[str, str], expected: tuple[int, str]
) -> None:
    answer = server.post("/api/v1/queue/pause", body)
    assert (answer.status_code, answer.text.strip()) == expected


@pytest.fixture
def long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let leases wait so long that only who wakes them ends that."""
    monkeypatch.setattr("cictl_server.services.jobs.leasing.WAIT_LIMIT_SECONDS", 600)


def waiting_lease(server: RunningServer) -> tuple[threading.Thread, list[LeaseResponse]]:
    answers: list[LeaseResponse] = []
    thread = threading.Thread(target=lambda: answers.append(server.lease("waits", wait_seconds=600)), daemon=True)
    thread.start()
    return thread, answers


@pytest.mark.usefixtures("long_waits")
def test_the_end_of_a_pause_wakes_who_waits(server: RunningServer) -> None:
    job_id = server.enqueue()
    pause(server)
    thread, answers = waiting_lease(server)
    resume(server)
    thread.join(timeout=60)
    assert [answer.job_execution and answer.job_execution.id for answer in answers] == [job_id]


@pytest.mark.usefixtures("long_waits")
def test_a_project_gets_only_its_share(server: RunningServer) -> None:
    server.restart_with(run_limits=RunLimits(running=1))
    pipeline = server.define(WORK)
    [first], [second] = server.run(pipeline), server.run(pipeline)
    other = server.enqueue()
    assert [server.leased("a").id, server.leased("b").id, server.lease("c").assigned] == [first, other, False]
    found = explain(server, second)
    text = "it waits: agents have 1 jobs of its project; the limit --max-running-per-project is 1"
    assert (found.reason, found.summary) == (Reason.PROJECT_LIMIT, text)
    thread, answers = waiting_lease(server)
    server.report(first, "running", "a")
    server.report(first, "succeeded", "a")
    thread.join(timeout=60)
    assert [answer.job_execution and answer.job_execution.id for answer in answers] == [second]


def test_scripts_of_agents_are_of_no_project(server: RunningServer) -> None:
    server.restart_with(run_limits=RunLimits(running=1))
    process = AgentProcess(started_utc=server.clock())
    server.heartbeat(capabilities={"executor": "script", "shells": "posix"}, slots=2, process=process)
    body = {"action": "run-script", "script": "id", "shell": "posix"}
    for _ in range(2):
        server.post("/api/v1/agents/a/actions", body)
    assert [server.lease("a", slot=slot, slots=2, process=process).assigned for slot in (1, 2)] == [True, True]
