"""Following what happens on the server."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.servers.answers import AnsweringServer, Reply, Seen, drop, refusal, reply
from cictl_testing.servers.threads import LocalServer

from cictl.base.backoff import Backoff
from cictl.wire.events import AgentChanged, ProjectChanged
from cictl.wire.jobs import JobStatus
from cictl_client import Client, NotFound, ServerEvent, UnexpectedAnswer
from cictl_client.retry import Pause
from cictl_server.app import create_app

EVENTS = "GET /api/v1/events"
HELLO = b": events\n\n"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cictl_client.retry._BACKOFF", Backoff(first=0.01, most=0.02))


def agent(number: int, name: str) -> bytes:
    return b'event: agent\nid: %d\ndata: {"agent_id":"%s"}\n\n' % (number, name.encode())


def stream(*parts: bytes) -> Reply:
    """A connection that breaks after these *parts*."""
    return Reply((HELLO, *parts, drop), kind="text/event-stream")


def told(name: str, number: int) -> ServerEvent:
    return ServerEvent(id=str(number), agent=AgentChanged(agent_id=name))


def test_it_goes_on_after_the_last_event_of_a_broken_connection(client: Client, server: AnsweringServer) -> None:
    asked: list[str | None] = []

    def answer(seen: Seen) -> Reply:
        asked.append(seen.headers.get("last-event-id"))
        return stream(agent(5, "a"), agent(6, "b")) if len(asked) == 1 else stream(agent(7, "c"))

    server.on(EVENTS, answer)
    errors: list[Exception] = []
    found = list(islice(client.events(on_reconnect=errors.append), 3))
    assert found == [told("a", 5), told("b", 6), told("c", 7)]
    assert asked == [None, "6"]
    assert len(errors) == 1


def test_it_begins_after_an_event_of_an_earlier_run(client: Client, server: AnsweringServer) -> None:
    server.on(EVENTS, lambda seen: stream(agent(int(seen.headers["last-event-id"]) + 1, "a")))
    assert next(client.events(last_id="41")) == told("a", 42)


def test_what_a_first_connection_missed_nobody_knows(client: Client, server: AnsweringServer) -> None:
    server.on(EVENTS, stream(), stream(agent(5, "a")))
    assert list(islice(client.events(), 2)) == [ServerEvent(id="", missed=True), told("a", 5)]


def test_a_server_that_forgot_says_so(client: Client, server: AnsweringServer) -> None:
    server.on(EVENTS, stream(b"event: reset\nid: 9\ndata: {}\n\n"))
    assert next(client.events(last_id="1")) == ServerEvent(id="9", missed=True)


def test_kinds_of_a_later_version_are_passed_over(client: Client, server: AnsweringServer) -> None:
    server.on(EVENTS, stream(b'event: weather\nid: 4\ndata: "rain"\n\n', agent(5, "a")))
    assert next(client.events()) == told("a", 5)


@pytest.mark.parametrize("refused", [refusal(503, "busy"), refusal(500, "broken"), refusal(502, "no server")])
def test_refusals_that_pass_are_waited_out(client: Client, server: AnsweringServer, refused: Reply) -> None:
    server.on(EVENTS, refused, stream(agent(5, "a")))
    assert next(client.events(last_id="4")) == told("a", 5)


def test_a_server_without_events(client: Client) -> None:
    with pytest.raises(NotFound):
        next(client.events())


@pytest.mark.parametrize(
    "answer", [reply({"a": "b"}), stream(b"event: agent\nid: 1\ndata: 7\n\n")], ids=["no stream", "no event"]
)
def test_something_else_is_refused(client: Client, server: AnsweringServer, answer: Reply) -> None:
    server.on(EVENTS, answer)
    with pytest.raises(UnexpectedAnswer):
        next(client.events())


def test_deadline_ends_it_at_a_sign_of_life(client: Client, server: AnsweringServer) -> None:
    server.on(EVENTS, Reply((HELLO, b": keepalive\n\n"), kind="text/event-stream"))
    assert list(client.events(last_id="1", deadline=lambda: True)) == []


def test_deadline_ends_it_during_an_outage(dead_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pause, "wait", lambda _: None)
    with Client(dead_url, retries=0) as client:
        assert list(client.events(deadline=lambda: True)) == []


def test_real_events_through_a_restart_of_the_server(tmp_path: Path) -> None:
    rules = RunningServer(tmp_path / "data")
    http = LocalServer(lambda environ, start: create_app(rules.services)(environ, start))
    http.start()
    with Client(http.url) as client:
        start = next(client.events(last_id="1"))
        assert start.missed
        job_id = rules.enqueue()
        events = client.events(last_id=start.id)
        first = next(events)
        assert first.job is not None
        assert first.job.state is not None
        assert (first.job.id, first.job.state.status) == (job_id, JobStatus.QUEUED)
        rules.services.core.hub.close()
        http.stop()
        rules.clock.step(10)
        rules.restart()
        http.start()
        assert next(events).missed
        rules.cancel(job_id)
        last = next(events)
        assert last.job is not None
        assert last.job.state is not None
        assert last.job.state.status is JobStatus.FAILED
        events.close()  # type: ignore[attr-defined]
    rules.services.core.hub.close()
    http.close()
    rules.close()


def test_it_tells_of_projects(client: Client, server: AnsweringServer) -> None:
    event = b'event: project\nid: 5\ndata: {"project_id":3}\n\n'
    server.on(EVENTS, lambda _: stream(event))
    assert next(client.events()) == ServerEvent(id="5", project=ProjectChanged(project_id=3))
