"""A server behind a real nginx: its usual settings, and those that make trouble."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from cictl_testing.processes import Workplace, eventually
from cictl_testing.servers.nginx import Nginx, needs_nginx

from tests.e2e.test_following import counting, numbered, pass_gate
from tests.e2e.test_pipeline import define, job_ids

LOCATIONS = {
    "plain": "",
    "unchunked": "chunked_transfer_encoding off;",
    "hasty": "proxy_read_timeout 1s;",
    "old": "proxy_http_version 1.0; proxy_set_header Connection close;",
    "buffered": "proxy_ignore_headers X-Accel-Buffering; proxy_buffering on;",
}

pytestmark = needs_nginx


@pytest.fixture
def nginx(workplace: Workplace) -> Iterator[Nginx]:
    started = Nginx(workplace.directory / "nginx", workplace.url, LOCATIONS)
    yield started
    started.stop()


@pytest.fixture
def public(workplace: Workplace) -> Iterator[Nginx]:
    """An nginx before a server that is told what browsers show: that nginx ends TLS is seen by them alone."""
    told = ("--public-url", "https://ci.example.com")
    server = workplace.background("serve", "--port", "0", "--data-dir", str(workplace.directory / "public"), *told)
    upstream = server.wait_for_line(" serves ").partition(" serves ")[2].split(",")[0]
    ways = {"passing": "proxy_set_header Host $http_host;", "stripping": "proxy_set_header Host $host;", "own": ""}
    started = Nginx(workplace.directory / "public-nginx", upstream, ways)
    yield started
    started.stop()


def start_agent(workplace: Workplace, url: str) -> None:
    work = str(workplace.directory / "work")
    workplace.background("run-agent", "--server", url, "--id", "a", "--work-dir", work)
    eventually(lambda: "a" in workplace.ok("agents", "list", "-o", "name").split(), what="the agent")


def test_a_job_and_its_followers_go_on_behind_it(workplace: Workplace, nginx: Nginx) -> None:
    """The agent has the hastiest way; the server is killed while everybody follows."""
    start_agent(workplace, f"{nginx.url}/hasty")
    counting(workplace)
    workplace.ok("--server", f"{nginx.url}/plain", "run", "shop/build")
    [job_id] = job_ids(workplace)
    ways = {name: f"{nginx.url}/{name}" for name in LOCATIONS}
    # Each has had an answer before the server goes away: at the very start an outage ends a command.
    followers = {
        name: workplace.background("--server", url, "--debug", "jobs", "logs", "-f", job_id)
        for name, url in ways.items()
    }
    waiting = workplace.background("--server", ways["hasty"], "jobs", "watch", job_id)
    for name in ways.keys() - {"buffered"}:
        followers[name].wait_for_line("at gate-1", is_whole=True)
    followers["buffered"].wait_for_line(" 200 ")
    waiting.wait_for_line("running")
    workplace.server.kill()
    pass_gate(workplace, "gate-1")
    waiting.wait_for_line("an nginx page: 502; the server behind it does not answer")
    workplace.start_server()
    for name in ways.keys() - {"buffered"}:
        followers[name].wait_for_line("at gate-2", is_whole=True)
    pass_gate(workplace, "gate-2")
    for follower in followers.values():
        assert follower.wait() == 0, follower.output
        assert numbered(follower.output) == list(range(1, 1001))
    assert waiting.wait() == 0, waiting.output


def test_what_is_too_large_for_it_is_named(workplace: Workplace, nginx: Nginx) -> None:
    start_agent(workplace, f"{nginx.url}/plain")
    make = "head -c 2000000 /dev/urandom > big; head -c 4000000 /dev/zero | tr \\\\0 x | fold -w 99"
    define(workplace, f"      - id: work\n        artifacts: [big]\n        steps: [{{run: '{make}'}}]\n")
    ended = workplace.cictl("--server", f"{nginx.url}/plain", "run", "shop/build", "--wait")
    assert ended.returncode == 3
    [job_id] = job_ids(workplace)
    assert "an nginx page: 413; raise client_max_body_size" in ended.stderr
    assert len(workplace.ok("jobs", "logs", job_id)) >= 4_000_000


def test_a_command_that_does_not_wait_says_whose_page_it_is(workplace: Workplace, nginx: Nginx) -> None:
    missing = workplace.cictl("--server", f"{nginx.url}/nowhere", "jobs", "list")
    assert missing.returncode == 9
    assert "an nginx page: 404" in missing.stderr


@pytest.mark.parametrize("way", ["passing", "stripping", "own"])
def test_pages_behind_tls_may_change_things_and_others_may_not(public: Nginx, way: str) -> None:
    """The status by origin, for a page at the address that browsers show."""

    def status(origin: str) -> int:
        headers = {"Host": "ci.example.com", "Origin": origin}
        return requests.post(f"{public.url}/{way}/api/v1/jobs/clear-queue", headers=headers, timeout=60).status_code

    assert status("https://ci.example.com") == 200
    assert status("http://ci.example.com") == 403
    assert status("https://evil.example") == 403


@pytest.mark.parametrize("body", [b"", b"{}"], ids=["without-body", "with-body"])
def test_a_trusted_proxy_tells_that_pages_come_by_tls(workplace: Workplace, body: bytes) -> None:
    """The test is the proxy. A body is decided upon before the application sees the request."""
    told = ("--trusted-proxy", "127.0.0.0/8", "--allowed-host", "ci.example.com")
    server = workplace.background("serve", "--port", "0", "--data-dir", str(workplace.directory / "trusting"), *told)
    url = server.wait_for_line(" serves ").partition(" serves ")[2].split(",")[0]

    def status(scheme: str, origin: str) -> int:
        headers = {"Host": "ci.example.com", "X-Forwarded-Proto": scheme, "Origin": origin}
        return requests.post(f"{url}/api/v1/jobs/clear-queue", data=body, headers=headers, timeout=60).status_code

    assert status("https", "https://ci.example.com") == 200
    assert status("https", "http://ci.example.com") == 403
    assert status("http", "https://ci.example.com") == 403


def test_another_name_is_not_answered_behind_it(public: Nginx) -> None:
    refused = requests.get(f"{public.url}/passing/healthz", headers={"Host": "evil.example"}, timeout=60)
    assert (refused.status_code, "--allowed-host evil.example" in refused.text) == (421, True)
