"""A clock that jumps by days, forth or back, ends nothing that lives and keeps nothing that is dead."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cictl_testing.server import RunningServer, SteppedClock

from cictl_server.services.core.clock_watch import ClockWatch

DAYS = 5 * 86400.0
JUMPS = pytest.mark.parametrize("jump", [DAYS, -DAYS], ids=["forth", "back"])


def pass_by(server: RunningServer) -> None:
    server.services.jobs.expiry.run_once()


@pytest.fixture
def running(server: RunningServer) -> str:
    """The id of an execution that agent `a` runs."""
    server.heartbeat()
    server.run(server.define('[{id: work, timeout_seconds: 3600, steps: [{run: "true"}]}]'))
    return server.running().id


@JUMPS
def test_what_runs_goes_on(server: RunningServer, running: str, jump: float) -> None:
    server.clock.jump(jump)
    pass_by(server)
    assert server.job(running).status == "running"
    [agent] = server.get("/api/v1/agents").json["agents"]
    assert agent["agent_id"] == "a"
    assert server.report(running, "succeeded").status_code == 200


@JUMPS
def test_an_agent_is_lost_a_minute_later_and_not_before(server: RunningServer, running: str, jump: float) -> None:
    server.clock.jump(jump)
    pass_by(server)
    server.clock.step(59)
    pass_by(server)
    assert server.job(running).status == "running"
    server.clock.step(1)
    pass_by(server)
    assert server.job(running).error.startswith("agent lost: ")


@JUMPS
def test_a_time_limit_lasts_as_long_as_it_says(server: RunningServer, running: str, jump: float) -> None:
    server.clock.step(3000)
    server.heartbeat(running_job_ids=[running])
    server.clock.jump(jump)
    pass_by(server)
    assert server.job(running).status == "running"
    server.clock.step(600 + 15 + 600)
    server.heartbeat(running_job_ids=[running])
    pass_by(server)
    assert server.job(running).cause == "timed_out"


@JUMPS
def test_a_lease_runs_out_when_it_should(server: RunningServer, jump: float) -> None:
    server.enqueue()
    job = server.leased()
    server.clock.jump(jump)
    pass_by(server)
    server.clock.step(44)
    pass_by(server)
    assert server.job(job.id).status == "leased"
    server.clock.step(1)
    pass_by(server)
    assert server.job(job.id).status == "queued"


@JUMPS
def test_an_approval_is_waited_for_as_long_as_its_job_says(server: RunningServer, jump: float) -> None:
    [job_id] = server.run(server.define("[{id: ship, approval: {timeout_seconds: 60}, steps: [{run: x}]}]"))
    server.clock.jump(jump)
    pass_by(server)
    server.clock.step(59)
    pass_by(server)
    assert server.job(job_id).status == "queued"
    server.clock.step(1)
    pass_by(server)
    assert server.job(job_id).cause == "not_approved"


@JUMPS
def test_new_work_is_taken_in_its_order(server: RunningServer, jump: float) -> None:
    first = server.enqueue()
    server.clock.jump(jump)
    pass_by(server)
    second = server.enqueue()
    assert [server.leased(agent).id for agent in ("a", "b")] == [first, second]


def test_a_clock_that_is_put_right_again_leaves_all_as_it_was(server: RunningServer, running: str) -> None:
    before = server.job(running).started_utc
    for jump in (DAYS, -DAYS):
        server.clock.jump(jump)
        pass_by(server)
    assert (server.job(running).started_utc, server.job(running).status) == (before, "running")


def test_tokens_count_by_the_clock_as_it_is(server: RunningServer) -> None:
    server.token("admin")
    short = server.token("viewer", ttl_seconds=86400)
    statuses = []
    for jump in (DAYS, -DAYS):
        server.clock.jump(jump)
        statuses.append(server.ask("GET", "/api/v1/whoami", short).status_code)
    assert statuses == [401, 200]


def test_wrong_tokens_of_a_time_to_come_lock_nobody_out(server: RunningServer) -> None:
    server.token("admin")
    assert [server.ask("GET", "/api/v1/whoami", "x").status_code for _ in range(10)][-1] == 429
    server.clock.jump(-DAYS)
    assert server.ask("GET", "/api/v1/whoami", "x").status_code == 401


def test_a_busy_machine_is_no_jump() -> None:
    clock = SteppedClock()
    watch = ClockWatch(clock, steady=lambda: clock.seconds)
    clock.step(1000)
    clock.jump(4)
    assert watch.jump() == timedelta()
    clock.jump(6)
    assert (watch.jump(), watch.jump()) == (timedelta(seconds=6), timedelta())


def test_of_several_servers_one_moves_what_all_share(server: RunningServer, running: str) -> None:
    presence = server.services.fleet.presence
    seen, since = presence.seen_at("a"), presence.listening_since
    presence.clock_was_set(timedelta(days=-5), is_leader=False)
    assert (presence.seen_at("a"), presence.listening_since) == (seen, since - timedelta(days=5))
    assert server.job(running).status == "running"
