"""The queue as people look at it: what waits, in order, and why."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.waiting.explain import Reason
from cictl_server.services.jobs import waiting
from cictl_server.services.jobs.waiting import Queue

ONE_JOB = '[{id: a, steps: [{run: "true"}]}]'
TWO_KINDS = '[{id: a, steps: [{run: "true"}]}, {id: w, runs_on: {os: windows}, steps: [{run: "true"}]}]'
IN_GROUP = '[{id: a, concurrency: {group: db}, steps: [{run: "true"}]}]'


def queue(server: RunningServer, *, limit: int = 100) -> Queue:
    return server.services.jobs.waiting.list_waiting(limit=limit)


def test_an_empty_queue(server: RunningServer) -> None:
    assert queue(server) == Queue(jobs=[], waiting=0, is_all=True)


def test_what_waits_is_in_the_order_in_which_it_is_given_out(server: RunningServer) -> None:
    pipeline = server.define(ONE_JOB)
    [first], [second], [urgent] = (server.run(pipeline) for _ in range(3))
    server.post(f"/api/v1/jobs/{urgent}/priority", {"priority": 5})
    assert [job.id for job in queue(server).jobs] == [urgent, first, second]


def test_each_is_explained_as_it_is_alone(server: RunningServer) -> None:
    server.heartbeat("a")
    server.run(server.define(TWO_KINDS))
    for job in queue(server).jobs:
        alone = server.services.jobs.explain.explain(job.id)
        assert (job.explanation.summary, job.explanation.fixes) == (alone.summary, alone.fixes)
        assert job.nearest == alone.agents[0]


def test_without_agents_none_is_nearest(server: RunningServer) -> None:
    server.run(server.define(ONE_JOB))
    [job] = queue(server).jobs
    assert (job.nearest, job.explanation.reason) == (None, Reason.NO_AGENTS)


def test_who_stands_in_the_line_of_a_group_names_it_and_who_holds_it(server: RunningServer) -> None:
    pipeline = server.define(IN_GROUP)
    [holder], [second] = server.run(pipeline), server.run(pipeline)
    job = next(job for job in queue(server).jobs if job.id == second)
    assert (job.group, job.explanation.reason) == ("db", Reason.GROUP)
    assert [blocker.job_execution_id for blocker in job.explanation.blocked_by] == [holder]


def test_a_long_queue_is_cut_and_counted(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "COUNTED_JOBS", 3)
    pipeline = server.define(ONE_JOB)
    jobs = [server.run(pipeline)[0] for _ in range(4)]
    found = queue(server, limit=2)
    assert [job.id for job in found.jobs] == jobs[:2]
    assert (found.waiting, found.is_all) == (3, False)


def test_what_a_token_does_not_see_is_left_out(server: RunningServer) -> None:
    server.run(server.define(ONE_JOB))
    assert server.services.jobs.waiting.list_waiting(limit=10, sees=lambda _: False).waiting == 0
