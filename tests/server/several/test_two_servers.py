"""What holds whichever of two servers an agent or a user speaks to."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import falcon.testing
import pytest
from cictl_testing.processes import eventually
from cictl_testing.server import RunningServer
from cictl_testing.servers.sharing import SharingServer
from msgspec.structs import replace

from cictl.wire.admin.server import ServerList
from cictl.wire.agents import GREETING, AgentProcess, AgentResponse, LeaseRequest, LeaseResponse
from cictl.wire.codec import decode, encode
from cictl_server.services.core.idempotency import LONGEST_BODY, KeyedRequest
from cictl_server.services.core.kept_answers import OF_CALLER
from cictl_server.signals.topics import QUEUE
from cictl_server.store.contract import Transaction
from cictl_server.store.records.settings import AnswerRecord

Both = tuple[SharingServer, SharingServer]


def waiting_lease(server: RunningServer, answers: list[LeaseResponse]) -> threading.Thread:
    """Begin a lease that waits at *server*, and return once it does."""

    def ask() -> None:
        body = encode(LeaseRequest(agent_id="a", wait_seconds=25))
        answer = falcon.testing.TestClient(server.http.app, headers={"Host": "localhost"}).simulate_post(
            "/api/v1/agent/lease", body=body
        )
        answers.append(decode(answer.content, LeaseResponse))

    thread = threading.Thread(target=ask)
    thread.start()
    eventually(lambda: server.services.core.hub.is_watched(QUEUE), what="the lease to wait")
    return thread


def last_seen(server: RunningServer) -> object:
    return server.services.fleet.presence.seen_at("a")


def test_an_agent_that_waits_at_one_starts_what_is_enqueued_at_the_other(both: Both) -> None:
    here, there = both
    here.heartbeat()
    answers: list[LeaseResponse] = []
    thread = waiting_lease(here, answers)
    job_id = there.enqueue()
    thread.join(timeout=60)
    assert [answer.job_execution and answer.job_execution.id for answer in answers] == [job_id]


def test_an_agent_that_moves_stays_online_and_keeps_its_job(both: Both) -> None:
    here, there = both
    here.heartbeat()
    job_id = here.enqueue()
    job = here.running()
    for server in (there, here, there):
        here.clock.step(15)
        server.heartbeat(running_job_ids=[job.id])
        for each in both:
            eventually(lambda each=each: last_seen(each) == here.clock(), what="the heartbeat to be known")  # type: ignore[misc]
            each.services.jobs.expiry.run_once()
    assert there.job(job_id).status == "running"
    assert there.report(job_id, "succeeded").status_code == 200
    assert here.job(job_id).status == "succeeded"


def test_a_silent_agent_is_given_up_by_the_leader_alone(both: Both) -> None:
    here, there = both
    there.heartbeat()
    eventually(lambda: here.services.fleet.presence.seen_at("a"), what="the agent to be known")
    job_id = there.enqueue()
    there.running()
    here.clock.step(61)
    there.services.jobs.expiry.run_once()
    assert there.job(job_id).status == "running"
    here.services.jobs.expiry.run_once()
    assert there.job(job_id).error == "agent lost: nothing heard of a for 60 s"


def test_what_is_cancelled_at_one_is_stopped_by_the_other(both: Both) -> None:
    here, there = both
    there.heartbeat()
    job_id = here.enqueue()
    there.running()
    assert here.cancel(job_id).status_code == 200
    assert there.heartbeat(running_job_ids=[job_id]).cancel_job_ids == [job_id]


def test_an_order_is_handed_out_by_the_other_until_it_has_arrived(both: Both) -> None:
    here, there = both
    here.heartbeat(orders_received="")
    here.act("restart")
    eventually(lambda: there.services.fleet.orders._board.find("a"), what="the order to be known")
    first = there.heartbeat(orders_received="")
    assert first.restart_requested
    again = here.heartbeat(orders_received="")
    assert again.restart_requested
    assert here.heartbeat(orders_received=again.orders_id).orders_id == ""
    eventually(lambda: not there.services.fleet.orders._board.find("a"), what="the arrival to be known")
    assert not there.heartbeat(orders_received=again.orders_id).restart_requested


def test_the_greeting_of_a_new_process_counts_whichever_server_gets_it(both: Both) -> None:
    here, there = both
    for server in both:
        server.heartbeat(restart_status=f"{GREETING} 1")
    job_id = here.enqueue()
    here.running()
    there.heartbeat(restart_status=f"{GREETING} 1")
    assert here.job(job_id).status == "running"
    there.heartbeat(restart_status=f"{GREETING} 2")
    here.heartbeat(restart_status=f"{GREETING} 2")
    assert "it has started anew" in here.job(job_id).error


def test_a_second_process_is_refused_by_both_and_shown_by_both(both: Both) -> None:
    here, there = both
    first, second = (AgentProcess(started_utc=here.clock(), pid=pid, host="h") for pid in (1, 2))
    here.heartbeat(process=first)
    body = {"agent_id": "a", "os": "linux", "arch": "amd64", "process": second}
    assert there.post("/api/v1/heartbeat", body).status_code == 409

    def rival(server: RunningServer) -> AgentProcess | None:
        return server.read(AgentResponse, "/api/v1/agents/a").agent.rival

    for server in both:
        eventually(lambda server=server: rival(server) == second, what="the rival to be shown")  # type: ignore[misc]


def test_no_job_is_claimed_twice(both: Both) -> None:
    jobs = {both[0].enqueue() for _ in range(20)}
    for number in range(20):
        both[0].heartbeat(f"agent-{number}")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: both[n % 2].leased(f"agent-{n}").id, range(20)))
    assert sorted(answers) == sorted(jobs)


def test_ids_of_two_servers_differ_at_the_same_instant(both: Both) -> None:
    ids = [server.services.core.ids.next() for server in both]
    assert len(set(ids)) == 2


def test_a_repeat_gets_the_answer_of_the_other(both: Both) -> None:
    here, there = both
    path = f"/api/v1/pipelines/{here.define('[{id: j, steps: [{run: x}]}]')}/run-selection"
    first, again = (server.post(path, {}, headers={"Idempotency-Key": "k"}) for server in both)
    assert (first.status_code, again.content) == (201, first.content)
    assert len(there.get("/api/v1/jobs").json["job_executions"]) == 1


def listed(server: SharingServer) -> set[str]:
    """Return the servers that *server* knows."""
    return {one.instance_id for one in server.read(ServerList, "/api/v1/servers").servers}


def test_a_request_under_way_at_the_other_is_not_begun_again(both: Both) -> None:
    here, there = both
    request = KeyedRequest(caller="c", method="POST", path="/", key="k")
    here.services.core.idempotency.begin(request)
    with pytest.raises(Exception, match="being answered"):
        there.services.core.idempotency.begin(request)
    ended = here.services.about.runtime.instance_id
    here.restart()
    eventually(lambda: ended not in listed(there), what="the restart to be known")
    with pytest.raises(Exception, match="interrupted"):
        there.services.core.idempotency.begin(request)


def test_old_answers_of_a_server_that_has_ended_are_swept(both: Both) -> None:
    here, there = both
    there.services.core.idempotency.begin(KeyedRequest(caller="c", method="POST", path="/", key="k"))
    here.clock.step(24 * 3600 + 1)
    here.services.core.idempotency.sweep()
    with here.store.read() as view:
        assert view.answers.count() == 0


def answer(server: SharingServer, number: int) -> None:
    """Let *server* answer one of a caller's requests with a body that takes much room; number 0 gets no answer yet."""
    service, instance = server.services.core.idempotency, server.services.about.runtime.instance_id
    answer_id = service.begin(KeyedRequest(caller="c", method="POST", path="/", key=f"{number} {instance}"))
    assert isinstance(answer_id, str)
    if number:
        service.finish(answer_id, status=200, content_type="text/plain", body="x" * LONGEST_BODY)
    server.clock.step(1)


def kept_answers(server: SharingServer) -> list[AnswerRecord]:
    with server.store.read() as view:
        return list(view.answers.iter_all())


def kept_bytes(server: SharingServer) -> int:
    return sum(len(answer.body) for answer in kept_answers(server))


def test_answers_of_both_together_are_bounded_at_any_time(both: Both) -> None:
    here, _ = both
    eventually(lambda: len(here.read(ServerList, "/api/v1/servers").servers) == 2, what="both to know both")
    for number in range(100):
        for server in both:
            answer(server, number)
        assert kept_bytes(here) <= OF_CALLER.bytes
    assert kept_bytes(here) > OF_CALLER.bytes / 2
    underway = {answer.server for answer in kept_answers(here) if not answer.status}
    assert len(underway) == 2, "what is being answered stays"


def test_answers_of_servers_that_have_ended_are_bounded_by_the_sweep(both: Both) -> None:
    server, _ = both
    given = AnswerRecord(key="", caller="c", server="gone", content="", created=server.clock(), status=200)

    def put(tx: Transaction) -> None:
        for number in range(140):
            tx.answers.put(replace(given, key=str(number), body="x" * LONGEST_BODY))

    server.store.write(put)
    assert kept_bytes(server) > OF_CALLER.bytes
    server.services.core.idempotency.sweep()
    assert OF_CALLER.bytes / 2 < kept_bytes(server) < OF_CALLER.bytes


def test_events_of_both_have_one_order(both: Both) -> None:
    here, there = both
    begun = here.services.core.signals.feed.last_number()
    here.heartbeat("a")
    there.heartbeat("b")

    def told(server: SharingServer) -> list[str]:
        return [event.subject for event in server.services.core.signals.feed.after(begun) or []]

    for server in both:
        eventually(lambda server=server: len(told(server)) == 2, what="both events")  # type: ignore[misc]
    assert told(here) == told(there)


def test_who_logs_in_at_one_is_known_at_the_other_until_they_log_out(both: Both) -> None:
    here, there = both
    secret = here.token("admin")
    session = here.services.access.authentication.log_in(secret, address="")
    assert there.services.access.authentication.find_by_session(session)
    there.services.access.authentication.log_out(session)
    find = here.services.access.authentication.find_by_session
    eventually(lambda: find(session) is None, what="the log-out to be known")


def test_an_agent_is_asked_once_for_an_update_by_two_servers(both: Both) -> None:
    rollouts = [server.services.fleet.rollout for server in both]
    rollouts[0].order("a", "v2.0.0")
    eventually(lambda: rollouts[1].manual_target("a"), what="the order to be known")
    facts = {"version": "v1.0.0", "automatic_target": "", "is_busy": False, "failure": ""}
    decisions = [rollout.beat("a", **facts).target for rollout in (rollouts[1], rollouts[0], rollouts[1])]  # type: ignore[arg-type]
    assert decisions == ["v2.0.0", "", ""]


def test_both_list_both_and_the_first_leads(both: Both) -> None:
    def leads(server: SharingServer) -> list[list[str]]:
        return [one.leads for one in server.read(ServerList, "/api/v1/servers").servers]

    for server in both:
        eventually(lambda server=server: len(leads(server)) == 2, what="both to know both")  # type: ignore[misc]
        assert leads(server) == [["background"], []]


def test_a_schedule_starts_one_run_though_both_think_that_they_lead(both: Both) -> None:
    here, there = both
    for hour in range(1, 6):
        if hour == 1:
            here.define_project(
                "pipelines: [{id: build, on: {schedule: [{cron: '@hourly'}]}, jobs: [{id: j, steps: [{run: x}]}]}]"
            )
        here.clock.step(3600)
        with ThreadPoolExecutor() as pool:
            for started in [pool.submit(server.services.schedules.starting.run_once) for server in (*both, *both)]:
                started.result()
        assert [run["number"] for run in there.get("/api/v1/runs").json["runs"]] == list(range(hour, 0, -1))
