"""Whose request it is that a proxy passes on, and from whom the server believes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from cictl_testing.server import RunningServer
from cictl_testing.servers.threads import ThreadedServer

from cictl_server.errors import InvalidRequest
from cictl_server.httpd.proxies import Caller, TrustedProxies

OURS = ("10.0.0.0/8", "2001:db8::/32", "192.0.2.7")
STRANGER = "203.0.113.9"


def caller(peer: str, forwarded: str | None = None, proto: str | None = None) -> Caller:
    headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": proto}
    return TrustedProxies(OURS).caller(peer, headers.get)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        pytest.param("10.0.0.1", STRANGER, STRANGER, id="one"),
        pytest.param("192.0.2.7", STRANGER, STRANGER, id="single-address"),
        pytest.param("10.0.0.1", f"{STRANGER}, 10.0.0.2, 192.0.2.7", STRANGER, id="chain"),
        pytest.param("10.0.0.1", f"127.0.0.1, 10.9.9.9, {STRANGER}, 10.0.0.2", STRANGER, id="forged-left"),
        pytest.param("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3", id="all-ours"),
        pytest.param("10.0.0.1", f"{STRANGER}:4711", STRANGER, id="port"),
        pytest.param("10.0.0.1", "[2001:DB9:0::1]:4711", "2001:db9::1", id="six-port"),
        pytest.param("2001:db8::1", "2001:db9::1", "2001:db9::1", id="six"),
        pytest.param("::ffff:10.0.0.1", f"::ffff:{STRANGER}", STRANGER, id="mapped"),
        pytest.param("10.0.0.1", None, "10.0.0.1", id="none"),
        pytest.param("10.0.0.1", "", "10.0.0.1", id="empty"),
        pytest.param("10.0.0.1", "unknown", "10.0.0.1", id="word"),
        pytest.param("10.0.0.1", f"{STRANGER}, <script>, 10.0.0.2", "10.0.0.2", id="word-between"),
        pytest.param("10.0.0.1", f"{STRANGER}, ", "10.0.0.1", id="nothing-at-the-end"),
        pytest.param("10.0.0.1", "999.1.1.1", "10.0.0.1", id="no-address"),
        pytest.param("10.0.0.1", ", ".join([STRANGER] + ["10.0.0.2"] * 99), "10.0.0.2", id="long"),
        pytest.param(STRANGER, "127.0.0.1", STRANGER, id="untrusted"),
        pytest.param("127.0.0.1", STRANGER, "127.0.0.1", id="loopback-is-not-trusted-by-itself"),
    ],
)
def test_the_rightmost_stranger_counts(peer: str, forwarded: str | None, address: str) -> None:
    assert caller(peer, forwarded).address == address


@pytest.mark.parametrize(
    ("peer", "proto", "scheme"),
    [
        pytest.param("10.0.0.1", "https", "https", id="https"),
        pytest.param("10.0.0.1", " HTTPS ", "https", id="large"),
        pytest.param("10.0.0.1", "http", "http", id="http"),
        pytest.param("10.0.0.1", None, "http", id="none"),
        pytest.param("10.0.0.1", "https, http", "http", id="the-nearest-counts"),
        pytest.param("10.0.0.1", "http, https", "https", id="forged-left"),
        pytest.param("10.0.0.1", "javascript", "http", id="odd"),
        pytest.param(STRANGER, "https", "http", id="untrusted"),
    ],
)
def test_the_nearest_proxy_tells_the_scheme(peer: str, proto: str | None, scheme: str) -> None:
    assert caller(peer, None, proto).scheme == scheme


@pytest.mark.parametrize("text", ["", "proxy.lan", "10.0.0.1/8", "10.0.0.0/33", "*"])
def test_a_proxy_that_is_no_network_is_named(text: str) -> None:
    with pytest.raises(InvalidRequest, match="--trusted-proxy must be an address or a network"):
        TrustedProxies([text])


class TestConnections:
    """Real ones, of a server whose client is a proxy or is none."""

    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[RunningServer]:
        running = RunningServer(tmp_path)
        yield running
        running.close()

    @pytest.fixture(params=[True, False], ids=["trusted", "untrusted"])
    def is_trusted(self, request: pytest.FixtureRequest) -> bool:
        return bool(request.param)

    @pytest.fixture
    def url(self, server: RunningServer, is_trusted: bool) -> Iterator[str]:
        http = ThreadedServer(server.http.app, proxies=TrustedProxies(["127.0.0.1"] if is_trusted else []))
        yield http.url
        http.stop()

    def test_wrong_tokens_belong_to_who_sends_them(self, server: RunningServer, url: str, is_trusted: bool) -> None:
        server.token("admin")

        def status(client: str) -> int:
            headers = {"Authorization": "Bearer wrong", "X-Forwarded-For": client}
            return requests.get(f"{url}/api/v1/jobs", headers=headers, timeout=60).status_code

        assert [status(STRANGER) for _ in range(10)] == [401] * 9 + [429]
        assert status("203.0.113.10") == (401 if is_trusted else 429)

    def test_keys_belong_to_who_sends_them(self, server: RunningServer, url: str, is_trusted: bool) -> None:
        pipeline = server.define('[{id: j, steps: [{run: "true"}]}]')

        def run(client: str) -> str:
            headers = {"Idempotency-Key": "k", "X-Forwarded-For": client}
            path = f"{url}/api/v1/pipelines/{pipeline}/run-selection"
            return requests.post(path, json={}, headers=headers, timeout=60).text

        assert run(STRANGER) == run(STRANGER)
        assert (run(STRANGER) == run("203.0.113.10")) is not is_trusted

    def test_pages_behind_tls_are_our_own(self, server: RunningServer, url: str, is_trusted: bool) -> None:
        secret = server.token("admin")
        host = url.removeprefix("http://")

        def log_in(scheme: str, proto: str) -> tuple[int, bool]:
            headers = {"Origin": f"{scheme}://{host}", "X-Forwarded-Proto": proto}
            answer = requests.post(
                f"{url}/login", data={"token": secret}, headers=headers, allow_redirects=False, timeout=60
            )
            return answer.status_code, "Secure" in answer.headers.get("Set-Cookie", "")

        assert log_in("https", "https") == ((303, True) if is_trusted else (403, False))
        assert log_in("http", "https") == ((403, False) if is_trusted else (303, False))
        assert log_in("http", "http") == (303, False)
