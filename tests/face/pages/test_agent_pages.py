"""The agents: how they are, what they offer, why they take no more, and orders for them."""

from __future__ import annotations

import pytest
from cictl_testing.face.browser import Looking
from cictl_testing.face.forms import get, send, words
from cictl_testing.server import RunningServer

from tests.face.conftest import Shown

ONE_JOB = '[{id: a, steps: [{run: "true"}]}]'
NEEDS_GO = '[{id: a, requires: {tools: {go: ">=1.22"}}, steps: [{run: "true"}]}]'


@pytest.fixture
def server(shown: Shown) -> RunningServer:
    return shown.server


def why(server: RunningServer, agent_id: str = "a") -> str:
    return words(server, f"/agents/{agent_id}").partition("Why not more ")[2].partition(" About it")[0]


def test_without_agents_the_page_says_how_to_start_one(server: RunningServer) -> None:
    assert "cictl run-agent --server http://localhost" in words(server, "/agents")


def test_the_list_tells_state_work_and_labels(server: RunningServer) -> None:
    server.heartbeat("a", capabilities={"gpu": "a100", "tool.go": "1.22"}, version="1.2.3")
    server.run(server.define(ONE_JOB))
    server.running("a")
    page = words(server, "/agents")
    assert "a online 1/1 1/a linux/amd64 1.2.3 gpu=a100" in page


def test_a_silent_agent_is_offline(server: RunningServer) -> None:
    server.heartbeat("a")
    server.clock.step(61)
    assert "1 offline" in words(server, "/agents")
    assert why(server) == "Nothing was heard of it for more than a minute, so it gets no jobs."


def test_an_idle_agent_tells_that_nothing_waits(server: RunningServer) -> None:
    server.heartbeat("a")
    assert why(server) == "Nothing waits."


def test_an_agent_tells_what_it_lacks_for_what_waits(server: RunningServer) -> None:
    server.heartbeat("a", tools_looked_for="")
    server.heartbeat("a")
    server.run(server.define(NEEDS_GO))
    assert why(server) == "1 job that waits does not fit: go is missing, wants >= 1.22."


def test_a_busy_agent_says_so(server: RunningServer) -> None:
    server.heartbeat("a")
    server.run(server.define(ONE_JOB))
    server.running("a")
    assert why(server) == "It works, and has one slot."


def test_an_agent_is_drained_with_a_reason_and_activated(server: RunningServer) -> None:
    server.heartbeat("a")
    assert "It ends the jobs that it has, and gets no others" in words(server, "/agents/a/drain")
    assert send(server, "/agents/a/drain", reason="new kernel").status_code == 303
    assert why(server) == "It drains, and gets no jobs until somebody activates it: new kernel."
    assert send(server, "/agents/a/activate").status_code == 303
    assert why(server) == "Nothing waits."
    assert [record.action for record in server.audit(action="agent")] == ["agent.drained", "agent.activated"]


def test_deactivating_says_which_jobs_it_cancels(server: RunningServer) -> None:
    server.heartbeat("a")
    server.run(server.define(ONE_JOB))
    job = server.running("a")
    assert "This cancels 1/a, which a has." in words(server, "/agents/a/deactivate")
    send(server, "/agents/a/deactivate")
    assert server.job(job.id).error == "cancelled by user"


def test_flushing_says_how_many_jobs_go(server: RunningServer) -> None:
    server.heartbeat("a")
    pipeline = server.define(ONE_JOB)
    for _ in range(2):
        server.run(pipeline)
        server.finish("succeeded")
    assert "This deletes 2 finished jobs of a, with logs, artifacts" in words(server, "/agents/a/flush-history")


def test_an_order_that_nobody_knows_is_not_found(server: RunningServer) -> None:
    server.heartbeat("a")
    assert get(server, "/agents/a/explode").status_code == 404
    assert send(server, "/agents/a/explode").status_code == 404


def test_an_online_agent_is_not_removed(server: RunningServer) -> None:
    server.heartbeat("a")
    assert "agent is online" in send(server, "/agents/a/remove").text
    server.clock.step(61)
    assert send(server, "/agents/a/remove").status_code == 303
    assert get(server, "/agents/a").status_code == 404


def test_a_script_runs_as_a_job(server: RunningServer) -> None:
    server.heartbeat("a", capabilities={"executor": "script", "shells": "posix,bash"})
    assert "Run a script on a" in words(server, "/agents/a/exec")
    answer = send(server, "/agents/a/exec", script="uname -a", shell="posix")
    assert answer.status_code == 303
    assert server.running("a").script == "uname -a"


def test_draining_asks_in_a_dialog(shown: Shown, look: Looking) -> None:
    shown.server.heartbeat("a")
    page = look("/agents/a")
    page.get_by_role("button", name="Drain").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Why?").fill("new kernel")
    dialog.get_by_role("button", name="Drain").click()
    page.get_by_text("It drains, and gets no jobs").wait_for()
    assert page.get_by_role("button", name="Activate", exact=True).is_visible()
