"""The queue: what waits, in order, why; pauses, priorities, clearing."""

from __future__ import annotations

import pytest
from cictl_testing.face.browser import Looking
from cictl_testing.face.forms import get, send, words
from cictl_testing.server import RunningServer

from tests.face.conftest import Shown

ONE_JOB = '[{id: a, steps: [{run: "true"}]}]'
NEEDS_GO = '[{id: a, requires: {tools: {go: ">=1.22"}}, steps: [{run: "true"}]}]'
IN_GROUP = '[{id: a, concurrency: {group: db}, steps: [{run: "true"}]}]'


@pytest.fixture
def server(shown: Shown) -> RunningServer:
    return shown.server


def test_nothing_waits(server: RunningServer) -> None:
    assert "Nothing waits" in words(server, "/queue")


def test_each_job_has_its_reason_and_the_nearest_agent(server: RunningServer) -> None:
    server.heartbeat("near", capabilities={"tool.go": "1.20"})
    [job_id] = server.run(server.define(NEEDS_GO))
    page = words(server, "/queue")
    assert "agent near lacks something: go is 1.20, wants >= 1.22" in page
    assert f"../jobs/{job_id}" not in page
    assert 'href="./agents/near"' in get(server, "/queue").text


def test_jobs_stand_in_their_order(server: RunningServer) -> None:
    pipeline = server.define(ONE_JOB)
    [first], [second] = server.run(pipeline), server.run(pipeline)
    assert send(server, f"/jobs/{second}/priority", priority="5").status_code == 303
    page = get(server, "/queue").text
    assert page.index(f'id="{second}"') < page.index(f'id="{first}"')


def test_who_cancels_from_the_queue_comes_back_to_it(server: RunningServer) -> None:
    pipeline = server.define(ONE_JOB)
    [job_id], [other] = server.run(pipeline), server.run(pipeline)
    question = get(server, f"/jobs/{job_id}/cancel?from=queue").text
    assert 'href="../../queue"' in question
    assert '<input type="hidden" name="from" value="queue">' in question
    assert send(server, f"/jobs/{job_id}/cancel", **{"from": "queue"}).headers["location"].endswith("/queue")
    assert send(server, f"/jobs/{other}/cancel").headers["location"].endswith(f"/jobs/{other}")


def test_a_priority_that_is_no_number_is_refused(server: RunningServer) -> None:
    [job_id] = server.run(server.define(ONE_JOB))
    answer = send(server, f"/jobs/{job_id}/priority", priority="high")
    assert answer.status_code == 400
    assert "priority must be a whole number" in answer.text


def test_holders_of_groups_are_told(server: RunningServer) -> None:
    pipeline = server.define(IN_GROUP)
    server.run(pipeline)
    server.run(pipeline)
    assert "Groups Group Project Who has it Waiting db shop queued 1/a 1" in words(server, "/queue")


def test_the_queue_is_paused_with_a_reason_and_resumed(server: RunningServer) -> None:
    assert "No agent gets a job from now on." in words(server, "/queue/pause")
    assert send(server, "/queue/pause", reason="new registry", project="").status_code == 303
    assert "everything : new registry" in words(server, "/queue")
    assert send(server, "/queue/resume", project="").status_code == 303
    assert "new registry" not in words(server, "/queue")
    assert [record.action for record in server.audit(action="queue")] == ["queue.paused", "queue.resumed"]


def test_the_queue_of_a_project_is_paused_alone(server: RunningServer) -> None:
    server.define(ONE_JOB)
    assert "No agent gets a job of shop from now on." in words(server, "/queue/pause?project=1")
    send(server, "/queue/pause", reason="release", project="1")
    [pause] = server.services.policies.pauses.show().pauses
    assert (pause.project, pause.reason) == ("shop", "release")


def test_clearing_says_how_many_go(server: RunningServer) -> None:
    pipeline = server.define(ONE_JOB)
    for _ in range(3):
        server.run(pipeline)
    server.heartbeat()
    server.leased()
    assert "This removes 3 jobs that have not started: 2 queued and 1 leased." in words(server, "/queue/clear")
    assert send(server, "/queue/clear").status_code == 303
    assert "Nothing waits" in words(server, "/queue")


def test_the_page_follows_what_happens(shown: Shown, look: Looking) -> None:
    page = look("/queue")
    page.get_by_text("Nothing waits").wait_for()
    shown.server.run(shown.server.define(ONE_JOB))
    page.get_by_role("link", name="1/a").wait_for()


def test_a_number_that_somebody_types_stays_when_the_page_changes(shown: Shown, look: Looking) -> None:
    pipeline = shown.server.define(ONE_JOB)
    shown.server.run(pipeline)
    page = look("/queue")
    page.get_by_label("Priority of 1/a").fill("42")
    shown.server.run(pipeline)
    page.get_by_role("link", name="2/a").wait_for()
    assert page.get_by_label("Priority of 1/a").input_value() == "42"
