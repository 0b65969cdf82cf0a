"""The stream of what happens."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from cictl_testing.processes import eventually
from cictl_testing.server import RunningServer

from cictl.base.clock import utc_now
from cictl.wire.admin.access import Role
from cictl.wire.events import EventKind
from cictl_server.services import DEFAULT_WAITING_PLACES
from cictl_server.services.access.principal import Principal
from cictl_server.services.core.events import EventLog, News
from cictl_server.services.jobs.jobs import JobService
from cictl_server.signals.contract import Happening
from cictl_server.signals.memory.feed import MemoryFeed
from cictl_server.signals.topics import EVENTS
from cictl_server.signals.waits import Awaited, blocking
from cictl_server.signals.watches import LocalWakes


class Follower:
    """Reads the stream in a thread, as one connection does."""

    def __init__(self, server: RunningServer, *, last: str = "") -> None:
        self._server = server
        self.text = ""
        headers = {"Last-Event-ID": last} if last else {}
        self._thread = threading.Thread(target=self._read, args=(headers,))
        self._thread.start()
        eventually(lambda: server.services.core.hub.is_watched(EVENTS), what="the follower")

    def stop(self) -> list[tuple[str, int, Any]]:
        """End the server's streams, and return kind, number and data of what came."""
        self._server.services.core.hub.close()
        self._thread.join(timeout=60)
        found = []
        for block in self.text.split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if fields:
                found.append((fields["event"], int(fields["id"]), json.loads(fields["data"])))
        return found

    def _read(self, headers: dict[str, str]) -> None:
        self.text = self._server.get("/api/v1/events", headers=headers).text


def test_changes_of_executions_and_agents_are_told(server: RunningServer) -> None:
    follower = Follower(server)
    server.heartbeat("a")
    job_id = server.enqueue()
    server.running()
    server.report(job_id, "running", output_append="just log", output_offset=0)
    server.report(job_id, "succeeded")
    events = follower.stop()
    told = [(kind, data.get("agent_id") or data["id"]) for kind, _, data in events]
    assert list(dict.fromkeys(told)) == [("agent", "a"), ("job", job_id)]
    assert events[-1][2]["state"]["status"] == "succeeded"
    numbers = [number for _, number, _ in events]
    assert numbers == sorted(set(numbers))


def test_of_what_changed_several_times_in_a_moment_the_last_is_told(server: RunningServer) -> None:
    server.heartbeat("a")
    begin = server.services.core.events.last_number()
    jobs = [server.enqueue(), server.enqueue()]
    server.running()
    server.report(jobs[0], "succeeded")
    events = Follower(server, last=str(begin)).stop()
    assert [(data["id"], data["state"]["status"]) for _, _, data in events] == [
        (jobs[1], "queued"),
        (jobs[0], "succeeded"),
    ]


def test_an_event_is_encoded_once_for_all_who_follow(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    look = JobService.get_state

    def counted(jobs: JobService, job_id: str) -> Any:
        looked.append(job_id)
        return look(jobs, job_id)

    monkeypatch.setattr(JobService, "get_state", counted)
    followers = [Follower(server) for _ in range(3)]
    eventually(lambda: server.services.core.hub.waiting == 3, what="the followers")
    job_id = server.enqueue()
    assert [follower.stop()[-1][2]["id"] for follower in followers] == [job_id] * 3
    assert looked == [job_id]


def test_changes_of_projects_are_told_to_who_sees_them(server: RunningServer) -> None:
    server.define('[{id: j, steps: [{run: "true"}]}]')
    follower = Follower(server)
    for project_id in ("1", "9"):
        server.services.core.events.add(EventKind.PROJECT, project_id)
    server.heartbeat("a")
    assert [(kind, data) for kind, _, data in follower.stop()] == [
        ("project", {"project_id": 1}),
        ("agent", {"agent_id": "a"}),
    ]
    reach = server.services.access.reach
    assert reach.reaches_project(Principal(role=Role.VIEWER, token_id=1, projects=frozenset({"shop"})), 1)
    assert not reach.reaches_project(Principal(role=Role.VIEWER, token_id=1, projects=frozenset({"other"})), 1)


def test_a_follower_goes_on_after_the_event_it_saw_last(server: RunningServer) -> None:
    follower = Follower(server)
    a, b = server.enqueue(), server.enqueue()
    (_, number, data), (_, _, other) = follower.stop()
    assert (data["id"], other["id"]) == (a, b)
    again = blocking(server.services.core.events.follow(after=number))
    assert [event.subject for events in again for event in events or []] == [b]


def test_one_that_missed_too_much_is_told_to_look_anew(server: RunningServer) -> None:
    follower = Follower(server, last="5")
    assert [kind for kind, _, _ in follower.stop()] == ["reset"]


def test_without_a_place_there_is_no_stream(server: RunningServer) -> None:
    for number in range(DEFAULT_WAITING_PLACES):
        server.services.core.hub.take_place(f"agent {number}")
    assert server.get("/api/v1/events").status_code == 503


def test_a_deleted_execution_has_no_state(server: RunningServer) -> None:
    follower = Follower(server)
    job_id = server.enqueue()
    server.http.simulate_delete(f"/api/v1/jobs/{job_id}")
    assert follower.stop()[-1][2] == {"id": job_id}


@pytest.mark.parametrize(
    ("wanted", "seconds"), [("", 0.05), ("?gather=700", 0.7), ("?gather=9999", 1.0), ("?gather=x", 0.05)]
)
def test_who_wants_it_is_told_more_events_together(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, wanted: str, seconds: float
) -> None:
    gathered: list[float] = []

    def follow(_log: EventLog, *, gather_seconds: float, **_: object) -> Iterator[list[Happening]]:
        gathered.append(gather_seconds)
        return iter(())

    monkeypatch.setattr(EventLog, "follow", follow)
    assert server.get(f"/api/v1/events{wanted}").status_code == 200
    assert gathered == [seconds]


def test_after_events_were_told_the_next_ones_wait_for_as_long_as_they_gather(server: RunningServer) -> None:
    events = server.services.core.events
    following = events.follow(after=events.last_number(), gather_seconds=1000.0)
    events.add(EventKind.AGENT, "a")
    told, awaited = next(following), next(following)
    following.close()
    assert isinstance(told, list)
    assert isinstance(awaited, Awaited)
    assert 500 < awaited.least <= 1000


def test_those_who_look_together_are_told_the_same_and_then_all_the_rest() -> None:
    moment = [0.0]
    feed = MemoryFeed(LocalWakes(), utc_now)
    last = feed.last_number()
    news = News(feed, lambda: moment[0])
    feed.add(EventKind.AGENT, "a")
    told = news.after(last)
    feed.add(EventKind.AGENT, "b")
    assert told is not None
    assert news.after(last) is told
    assert [event.subject for event in news.after(told[-1].number) or ()] == ["b"]
    moment[0] = 1.0
    assert [event.subject for event in news.after(last) or ()] == ["a", "b"]


def test_what_came_while_a_follower_was_told_is_not_told_at_once(server: RunningServer) -> None:
    events = server.services.core.events
    following = events.follow(after=events.last_number(), gather_seconds=1000.0)
    events.add(EventKind.AGENT, "a")
    told = next(following)
    events.add(EventKind.AGENT, "b")
    awaited = next(following)
    following.close()
    assert isinstance(told, list)
    assert isinstance(awaited, Awaited)
    assert awaited.watch is None
    assert awaited.seconds > 500
