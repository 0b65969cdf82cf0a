from __future__ import annotations

import logging
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator

import pytest
from cictl_testing.servers.answers import AnsweringServer, Reply, drop, marked, problem, refusal, reply
from cictl_testing.servers.samples import JOB
from urllib3 import HTTPResponse

from cictl.base.web.session import SafeRetry
from cictl.wire.agents import LeaseRequest
from cictl.wire.jobs import JobResponse
from cictl.wire.problems import Code
from cictl_client import (
    Client,
    ClientError,
    ForeignAnswer,
    NoCapacity,
    ServerError,
    Unauthenticated,
    UnexpectedAnswer,
    Unreachable,
)

AGENTS = "GET /api/v1/agents"
CANCEL = "POST /api/v1/jobs/job-1/cancel"
NO_AGENTS = reply(b'{"agents":[]}')
SECRET = "tok-3f1a9"


@pytest.fixture
def other() -> Iterator[AnsweringServer]:
    """Another host, as far as tokens go: another port."""
    scripted = AnsweringServer()
    scripted.start()
    yield scripted
    scripted.close()


class Slammer:
    """A port that accepts connections and closes them at once."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.accepted = 0
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            connection.close()


@pytest.fixture
def slammer() -> Iterator[Slammer]:
    slamming = Slammer()
    yield slamming
    slamming.close()


def test_refused_connection_is_unreachable_and_named(dead_url: str) -> None:
    with Client(dead_url, retries=0) as client, pytest.raises(Unreachable) as caught:
        client.health()
    assert str(caught.value) == f"cannot reach {dead_url}: connection refused"


def test_refused_connection_of_a_post_is_unreachable_too(dead_url: str) -> None:
    with Client(dead_url) as client, pytest.raises(Unreachable, match="connection refused"):
        client.cancel_job("job-1")


def test_unknown_host_is_unreachable() -> None:
    with Client("http://no-such-host.invalid", retries=0) as client, pytest.raises(Unreachable, match="no-such-host"):
        client.health()


@pytest.mark.parametrize(
    "url", ["localhost:8112", "ftp://host", "http://", "http://host:port", "http://[::1", "", "host", "http://host:0"]
)
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:8112"):
        Client(url)


def test_silence_is_unreachable_and_not_repeated() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with Client(url, timeout=0.2, retries=3) as client, pytest.raises(Unreachable, match="timed out"):
            client.list_agents()
        listener.setblocking(False)
        listener.accept()[0].close()
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_answer_that_breaks_off_is_unreachable(client: Client, server: AnsweringServer) -> None:
    server.on(AGENTS, Reply((b'{"agents":', drop)))
    with pytest.raises(Unreachable, match="the connection broke"):
        client.list_agents()


@pytest.mark.parametrize(
    ("answer", "came"),
    [
        pytest.param(Reply((b"<html>Welcome",), kind="text/html"), "13 bytes of text/html, begin", id="html"),
        pytest.param(reply(b'{"agents":5}'), "Expected `array`, got `int`", id="wrong-shape"),
        pytest.param(reply(b'{"pets":[]}'), "missing required field `agents`", id="another-api"),
        pytest.param(reply(b""), "0 bytes of application/json", id="empty"),
    ],
)
def test_other_answers_are_unexpected(client: Client, server: AnsweringServer, answer: Reply, came: str) -> None:
    server.on(AGENTS, marked(answer))
    with pytest.raises(UnexpectedAnswer) as caught:
        client.list_agents()
    assert came in str(caught.value)
    assert f"{server.url}/api/v1/agents does not answer like a cictl server" in str(caught.value)


def test_reading_goes_on_after_502_503_and_504(server: AnsweringServer) -> None:
    refusals = (refusal(502, "a"), refusal(503, "b", Retry_After="0"), refusal(504, "c"))
    server.on(AGENTS, *refusals, NO_AGENTS)
    with Client(server.url) as client:
        assert client.list_agents() == []
    assert server.count(AGENTS) == 4


def test_reading_gives_up_in_the_end(server: AnsweringServer) -> None:
    server.on(AGENTS, problem(503, Code.NO_CAPACITY, "busy"))
    with Client(server.url, retries=1) as client, pytest.raises(NoCapacity, match="busy"):
        client.list_agents()
    assert server.count(AGENTS) == 2


def test_500_is_not_repeated(server: AnsweringServer) -> None:
    server.on(AGENTS, refusal(500, "database is locked"))
    with Client(server.url) as client, pytest.raises(ServerError):
        client.list_agents()
    assert server.count(AGENTS) == 1


def test_nonsense_in_retry_after_does_no_harm(server: AnsweringServer) -> None:
    server.on(AGENTS, refusal(503, "busy", Retry_After="soon"), NO_AGENTS)
    with Client(server.url) as client:
        assert client.list_agents() == []


@pytest.mark.parametrize(("asked", "waited"), [("3", 3), ("3600", 10), ("soon", None)])
def test_retry_after_is_capped(asked: str, waited: float | None) -> None:
    assert SafeRetry.of(3).get_retry_after(HTTPResponse(headers={"Retry-After": asked})) == waited


def test_post_is_not_repeated_after_503(server: AnsweringServer) -> None:
    server.on(CANCEL, refusal(503, "busy", Retry_After="0"))
    with Client(server.url) as client, pytest.raises(ForeignAnswer):
        client.cancel_job("job-1")
    assert server.count(CANCEL) == 1


def test_post_of_an_agent_is_not_repeated_after_a_broken_connection(slammer: Slammer) -> None:
    with Client(slammer.url) as client, pytest.raises(Unreachable):
        client.lease(LeaseRequest(agent_id="a"))
    assert slammer.accepted == 1


def test_reading_is_repeated_after_a_broken_connection(slammer: Slammer) -> None:
    with Client(slammer.url, retries=1) as client, pytest.raises(Unreachable):
        client.list_agents()
    assert slammer.accepted == 2


def test_says_what_it_accepts(client: Client, server: AnsweringServer) -> None:
    server.on(AGENTS, NO_AGENTS)
    client.list_agents()
    assert server.seen[0].headers["accept"] == "application/json, application/problem+json"


def test_token_is_sent_as_bearer(server: AnsweringServer) -> None:
    server.on(AGENTS, NO_AGENTS)
    with Client(server.url, token=f"{SECRET}\n") as client:
        client.list_agents()
    assert server.seen[0].headers["authorization"] == f"Bearer {SECRET}"


def test_user_info_is_sent_as_basic_and_leaves_the_url(server: AnsweringServer) -> None:
    server.on(AGENTS, NO_AGENTS)
    with Client(server.url.replace("://", "://agent:p%C3%A4ss%40@") + "/") as client:
        client.list_agents()
        assert client.base_url == server.url
    assert server.seen[0].headers["authorization"] == "Basic " + b64encode("agent:päss@".encode()).decode()


@pytest.mark.parametrize("token", [f"{SECRET}\nX-Evil: 1", f"{SECRET} x", f"{SECRET}ä"])
def test_token_that_no_header_carries_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        Client("http://127.0.0.1:1", token=token)
    assert SECRET not in str(caught.value)


def test_redirect_to_another_host_leaves_the_token_behind(server: AnsweringServer, other: AnsweringServer) -> None:
    server.on(AGENTS, reply(b"", status=302, Location=f"{other.url}/api/v1/agents"))
    other.on(AGENTS, NO_AGENTS)
    with Client(server.url, token=SECRET) as client:
        client.list_agents()
    with Client(server.url.replace("://", f"://u:{SECRET}@")) as client:
        client.list_agents()
    assert ["authorization" in seen.headers for seen in other.seen] == [False, False]
    assert all("authorization" in seen.headers for seen in server.seen)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirected_post_is_no_success(server: AnsweringServer, other: AnsweringServer, status: int) -> None:
    server.on(CANCEL, reply(b"", status=status, Location=f"{other.url}/api/v1/jobs/job-1/cancel"))
    with Client(server.url) as client, pytest.raises(ForeignAnswer, match=f"redirects to {other.url}"):
        client.cancel_job("job-1")
    assert other.seen == []


def test_cookies_of_a_proxy_are_sent_back(server: AnsweringServer) -> None:
    server.on(CANCEL, reply(JobResponse(job_execution=JOB), Set_Cookie="node=2; Path=/"))
    with Client(server.url) as client:
        for _ in range(3):
            client.cancel_job("job-1")
    assert [seen.headers.get("cookie") for seen in server.seen] == [None, None, "node=2"]


def test_settings_of_the_environment_do_not_choose_who_is_asked(
    server: AnsweringServer, dead_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", dead_url)
    monkeypatch.setenv("http_proxy", dead_url)
    server.on(AGENTS, NO_AGENTS)
    with Client(server.url, retries=0) as client:
        assert client.list_agents() == []


def test_each_request_is_logged_without_secrets(
    server: AnsweringServer, dead_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.on(AGENTS, NO_AGENTS)
    with Client(server.url, token=SECRET) as client:
        client.list_agents()
    for url in (server.url, dead_url):
        with Client(url.replace("://", f"://u:{SECRET}@"), retries=0) as client, pytest.raises(ClientError) as caught:
            client.cancel_job("job-1")
        assert SECRET not in str(caught.value)
    lines = [record.getMessage() for record in caplog.records if record.name == "cictl_client"]
    assert [line.rsplit(" ", 2)[0] for line in lines] == [
        f"GET {server.url}/api/v1/agents 200",
        f"POST {server.url}/api/v1/jobs/job-1/cancel 404",
        f"POST {dead_url}/api/v1/jobs/job-1/cancel NotConnected",
    ]
    assert SECRET not in caplog.text


def test_password_in_an_impossible_address_is_not_shown() -> None:
    with pytest.raises(Unreachable) as caught:
        Client(f"ftp://user:{SECRET}@x@host/path")
    assert SECRET not in str(caught.value)
