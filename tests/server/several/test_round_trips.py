"""How often the requests of agents wait for the database. Each time costs more than all the work between two of them."""

from __future__ import annotations

import threading

import pytest
from cictl_testing.processes import eventually
from cictl_testing.servers.sharing import SharingServer
from cictl_testing.stores.round_trips import talk_of

from cictl_server.signals.topics import TOKENS
from cictl_server.store.contract import Transaction

MOST = {
    "heartbeat": 1,
    "lease that finds nothing": 1,
    "lease": 4,
    "first report": 6,
    "report of output": 4,
    "last report": 6,
}
"""How many round trips each may take. The two of each report that read the log's end are left out by those who want a short answer."""

MOST_STATEMENTS = 24


def test_requests_of_agents_take_few_round_trips(both: tuple[SharingServer, SharingServer]) -> None:
    server, _ = both
    server.heartbeat(tools_looked_for="")
    server.heartbeat(tools_looked_for="")
    talks = {
        "heartbeat": talk_of(lambda: server.heartbeat(tools_looked_for="")),
        "lease that finds nothing": talk_of(server.lease),
    }
    job_id = server.enqueue()
    talks["lease"] = talk_of(server.lease)
    talks["first report"] = talk_of(
        lambda: server.report(job_id, "running", output_append="some bytes", output_offset=0)
    )
    talks["report of output"] = talk_of(
        lambda: server.report(job_id, "running", output_append="more", output_offset=10)
    )
    talks["last report"] = talk_of(lambda: server.report(job_id, "succeeded", output_size=14))
    assert server.job(job_id).status == "succeeded"
    assert {name: talk.round_trips for name, talk in talks.items() if talk.round_trips > MOST[name]} == {}
    assert {name: talk.statements for name, talk in talks.items() if talk.statements > MOST_STATEMENTS} == {}


def test_report_that_only_grows_the_log_waits_for_no_change(both: tuple[SharingServer, SharingServer]) -> None:
    server, other = both
    job_id = server.enqueue()
    server.lease()
    server.report(job_id, "running", output_append="some bytes", output_offset=0)

    def report_meanwhile(tx: Transaction) -> int:
        assert tx.jobs.count() == 1  # the lock is taken with the first look-up
        return server.report(job_id, "running", output_append=" more", output_offset=10).status_code

    assert other.store.write(report_meanwhile) == 200
    assert server.job(job_id).output == "some bytes more"


def test_whom_a_request_comes_from_and_what_that_reaches_takes_a_round_trip_each(
    both: tuple[SharingServer, SharingServer],
) -> None:
    server, _ = both
    access, job_id = server.services.access, server.enqueue()
    server.leased("a")
    server.token("admin")
    secret = server.token("agent", "a", agent_id="a")
    agent = access.authentication.identify(secret, address="")  # notes the use of the token
    talks = {
        "who it is": talk_of(lambda: access.authentication.identify(secret, address="")),
        "who it is again": talk_of(lambda: access.authentication.identify(secret, address="")),
        "whether it still may follow": talk_of(lambda: access.authentication.is_over(agent)),
        "whether it has the job": talk_of(lambda: access.reach.check_held(agent, job_id)),
    }
    assert {name: talk.round_trips for name, talk in talks.items()} == dict.fromkeys(talks, 1) | {"who it is again": 0}


@pytest.mark.parametrize("changed", ["revoke", "rotate"])
def test_a_token_that_was_changed_elsewhere_counts_no_more(
    both: tuple[SharingServer, SharingServer], changed: str
) -> None:
    server, other = both
    server.token("admin")
    secret = server.token("viewer")
    assert other.ask("GET", "/api/v1/agents", secret).status_code == 200
    assert other.ask("GET", "/api/v1/agents", secret).status_code == 200
    tokens = server.services.access.tokens
    {"revoke": tokens.revoke, "rotate": tokens.rotate}[changed](2)
    assert server.ask("GET", "/api/v1/agents", secret).status_code == 401
    eventually(
        lambda: other.ask("GET", "/api/v1/agents", secret).status_code == 401, what="the news, as no time passes"
    )


def test_a_token_whose_change_was_not_heard_of_counts_for_two_seconds(
    both: tuple[SharingServer, SharingServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, other = both
    server.token("admin")
    secret = server.token("viewer")
    other.ask("GET", "/api/v1/agents", secret)
    other.ask("GET", "/api/v1/agents", secret)
    monkeypatch.setattr(other.services.access.authentication._tokens, "_news", threading.Event())
    server.services.access.tokens.revoke(2)
    assert other.ask("GET", "/api/v1/agents", secret).status_code == 200
    other.clock.step(2)
    assert other.ask("GET", "/api/v1/agents", secret).status_code == 401


def test_a_list_takes_no_more_round_trips_for_more_runs(both: tuple[SharingServer, SharingServer]) -> None:
    server, _ = both
    trips = []
    for _ in range(3):
        for _ in range(5):
            server.enqueue()
        talk = talk_of(lambda: server.get("/api/v1/jobs"))
        trips.append(talk.round_trips)
    assert trips == [11] * 3


def test_a_cancel_takes_no_more_round_trips_for_more_jobs_that_wait(both: tuple[SharingServer, SharingServer]) -> None:
    server, _ = both
    trips = []
    for rows in (2, 20):
        matrix = ", ".join(f"{{row: {number}}}" for number in range(rows))
        jobs = server.run(server.define(f'[{{id: work, matrix: {{include: [{matrix}]}}, steps: [{{run: "true"}}]}}]'))
        assert len(jobs) == rows
        run = server.job(jobs[0]).metadata["run_number"]
        trips.append(talk_of(lambda run=run: server.post(f"/api/v1/runs/{run}/cancel")).round_trips)  # type: ignore[misc]
        assert server.job(jobs[-1]).status == "failed"
    assert trips[0] == trips[1]


def test_nobody_looks_for_a_first_token_until_one_is_told_of(both: tuple[SharingServer, SharingServer]) -> None:
    server, other = both
    server.heartbeat()
    server.token("admin")
    assert server.get("/api/v1/agents").status_code == 401
    other.services.core.hub.publish(TOKENS)  # as the notification does
    assert other.get("/api/v1/agents").status_code == 401
