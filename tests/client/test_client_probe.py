"""The light client: the same answers and the same exceptions as the whole one, and nothing heavy loaded."""

from __future__ import annotations

import logging
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator

import pytest
from cictl_testing.servers.answers import AnsweringServer, Reply, drop, problem, refusal, reply

from cictl.wire.admin.server import Health
from cictl.wire.problems import Code
from cictl_client import Client, ClientError, ForeignAnswer, Unreachable
from cictl_client.probe import Probe
from cictl_client.transport import MAX_REDIRECTS

HEALTH = "GET /healthz"
SECRET = "tok-3f1a9"
WELL = reply(b'{"status":"ok"}')


@pytest.fixture
def other() -> Iterator[AnsweringServer]:
    scripted = AnsweringServer()
    scripted.start()
    yield scripted
    scripted.close()


def redirect(target: str, status: int = 302) -> Reply:
    return Reply(status=status, headers={"Location": target})


def ending(ask: Callable[[], Health]) -> tuple[object, ...]:
    """Return the answer, or the kind, the text and the facts of the exception."""
    try:
        return (ask(),)
    except ClientError as error:
        return type(error), str(error), getattr(error, "status", None), getattr(error, "hint", None)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(WELL, id="well"),
        pytest.param(Reply((b'{"status"', b':"ok"}')), id="chunked"),
        pytest.param(reply(b'{"status":3}'), id="wrong type"),
        pytest.param(Reply((b"<html>",), kind="text/html"), id="no JSON"),
        pytest.param(refusal(404, "not found"), id="404"),
        pytest.param(refusal(500, "<html>", kind="text/html"), id="500"),
        pytest.param(problem(401, Code.UNAUTHENTICATED, "a token is needed", hint="get one"), id="401"),
        pytest.param(Reply((b'{"sta', drop)), id="broken off"),
        pytest.param(redirect("/elsewhere"), id="redirect into nothing"),
        pytest.param(redirect("ftp://x/"), id="redirect to no HTTP"),
        pytest.param(redirect("/healthz"), id="redirect to itself"),
    ],
)
def test_ends_like_the_whole_client(server: AnsweringServer, answer: Reply) -> None:
    server.on(HEALTH, answer)
    with Client(server.url, retries=0) as client:
        whole = ending(client.health)
    light = ending(Probe(server.url).health)
    assert light[0] == whole[0]
    if whole[0] is not Unreachable:
        assert light[2:] == whole[2:]


@pytest.mark.parametrize("url", ["127.0.0.1:8112", "http://", "ftp://x", "http://x:port", "http://x:0"])
def test_no_address_is_unreachable_as_with_the_whole_client(url: str) -> None:
    with pytest.raises(Unreachable) as light:
        Probe(url)
    with pytest.raises(Unreachable) as whole:
        Client(url)
    assert str(light.value) == str(whole.value)


def test_a_stopped_server_is_unreachable(server: AnsweringServer) -> None:
    server.stop()
    with pytest.raises(Unreachable, match=f"cannot reach {server.url}: connection refused"):
        Probe(server.url).health()


def test_an_unknown_host_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="cannot reach http"):
        Probe("http://nobody.invalid").health()


def test_a_host_that_says_nothing_is_unreachable_in_time(server: AnsweringServer) -> None:
    server.on(HEALTH, Reply((b"", lambda: server.stopping.wait(60), b"")))
    with pytest.raises(Unreachable, match="timed out"):
        Probe(server.url, timeout=0.2).health()
    server.stopping.set()


@pytest.mark.parametrize(
    ("user_info", "token", "sent"),
    [
        pytest.param("", SECRET, f"Bearer {SECRET}", id="token"),
        pytest.param("me:p%40ss@", None, f"Basic {b64encode(b'me:p@ss').decode()}", id="user info"),
        pytest.param("me:pass@", SECRET, f"Bearer {SECRET}", id="token over user info"),
        pytest.param("", None, None, id="nobody"),
    ],
)
def test_says_who_asks(server: AnsweringServer, user_info: str, token: str | None, sent: str | None) -> None:
    server.on(HEALTH, WELL)
    Probe(server.url.replace("//", f"//{user_info}"), token=token).health()
    assert server.seen[0].headers.get("authorization") == sent


def test_a_redirect_on_the_same_server_keeps_the_token(server: AnsweringServer) -> None:
    server.on(HEALTH, redirect("/well?x=1", 308))
    server.on("GET /well", WELL)
    assert Probe(server.url, token=SECRET).health().status == "ok"
    assert server.seen[1].headers["authorization"] == f"Bearer {SECRET}"
    assert server.seen[1].query == {"x": "1"}


def test_a_redirect_elsewhere_leaves_the_token_behind(server: AnsweringServer, other: AnsweringServer) -> None:
    server.on(HEALTH, redirect(f"{other.url}/healthz"))
    other.on(HEALTH, WELL)
    assert Probe(server.url, token=SECRET).health().status == "ok"
    assert "authorization" not in other.seen[0].headers


def test_redirects_end(server: AnsweringServer) -> None:
    server.on(HEALTH, redirect("/healthz"))
    with pytest.raises(Unreachable, match="it redirects to"):
        Probe(server.url).health()
    assert len(server.seen) == MAX_REDIRECTS + 1


def test_an_address_with_a_path_keeps_it(server: AnsweringServer) -> None:
    server.on("GET /ci/healthz", WELL)
    assert Probe(f"{server.url}/ci/").health().status == "ok"
    with pytest.raises(ForeignAnswer):
        Probe(server.url).health()


def test_another_machine_is_asked_through_the_proxy(server: AnsweringServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url.replace("//", "//me:pw@"))
    server.on(HEALTH, WELL)
    assert Probe("http://ci.example").health().status == "ok"
    with Client("http://ci.example") as client:
        assert client.health().status == "ok"
    assert [seen.headers["host"] for seen in server.seen] == ["ci.example", "ci.example"]
    assert {seen.headers["proxy-authorization"] for seen in server.seen} == {"Basic bWU6cHc="}


def test_debug_lines_show_no_secret(server: AnsweringServer, caplog: pytest.LogCaptureFixture) -> None:
    server.on(HEALTH, WELL)
    with caplog.at_level(logging.DEBUG, logger="cictl_client"):
        Probe(server.url.replace("//", f"//me:{SECRET}@")).health()
    assert f"GET {server.url}/healthz 200" in caplog.text
    assert SECRET not in caplog.text


def test_tls_is_checked(server: AnsweringServer) -> None:
    server.on(HEALTH, WELL)
    with pytest.raises(Unreachable):
        Probe(server.url.replace("http:", "https:"), timeout=1.0).health()


def test_loads_nothing_heavy() -> None:
    code = "import sys, cictl_client.probe; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert not {"requests", "urllib3", "rich", "typer", "certifi"} & set(done.stdout.split())
