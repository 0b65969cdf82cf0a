"""The files for nginx and caddy of the page "Operations", in front of a real server: read out of the page, with other addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from cictl_testing.certificates import Authority
from cictl_testing.ports import free_port
from cictl_testing.processes import Workplace, eventually
from cictl_testing.servers.caddy import Caddy, needs_caddy
from cictl_testing.servers.nginx import RunningNginx, needs_nginx

from tests.e2e.test_pipeline import define

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
SECTION = PAGE.partition("\n### With TLS\n")[2].partition("\n## ")[0]
WHOLE, SUB_PATH = re.compile(r"location / \{.*?\}", re.DOTALL), "/ci"


def blocks(kind: str) -> list[str]:
    """Return the blocks of one kind on the page: the whole file, and what it has for a sub-path."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Site:
    """A server behind a proxy.

    Attributes:
        url: What browsers show, as far as the server's own path.
        ca: The file of the authority behind the proxy's certificate.
        token: That of an admin.
    """

    url: str
    ca: str
    token: str

    @property
    def origin(self) -> str:
        return self.url.removesuffix(SUB_PATH)


@pytest.fixture(
    params=[
        pytest.param((kind, path), marks=needs, id=f"{kind}{path.replace('/', '-')}")
        for kind, needs in (("nginx", needs_nginx), ("caddy", needs_caddy))
        for path in ("", SUB_PATH)
    ]
)
def site(request: pytest.FixtureRequest, workplace: Workplace) -> Iterator[Site]:
    kind, path = request.param
    authority = Authority(workplace.directory / "authority")
    own, port = authority.issue("server"), free_port()
    url = f"https://localhost:{port}{path}"
    token = workplace.ok("tokens", "create", "root", "--role", "admin").strip()
    workplace.server.stop()
    workplace.extra.update(settings(url))
    server = workplace.background("serve", "--port", "0", "--data-dir", str(workplace.data))
    upstream = server.wait_for_line(" serves ").partition(" serves http://")[2].split(",")[0]
    file, below = blocks(kind)
    if path and kind == "nginx":
        file = WHOLE.sub(below, file)
    elif path:
        file = file.partition("\treverse_proxy")[0] + below + "}\n"
    for shown, real in (
        ("/etc/ssl/cictl/ci.example.com.pem", str(own.cert)),
        ("/etc/ssl/cictl/ci.example.com.key", str(own.key)),
        ("127.0.0.1:8112", upstream),
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("\nci.example.com {", f"\nlocalhost:{port} {{\n\tbind 127.0.0.1"),
        ("auto_https", "admin off\n\tauto_https"),
    ):
        file = file.replace(shown, real)
    front = (
        RunningNginx(workplace.directory / "front", file, port=port)
        if kind == "nginx"
        else Caddy(workplace.directory / "front", file, port=port)
    )
    workplace.extra.update(CICTL_SERVER_URL=url, CICTL_CA_FILE=str(authority.ca), CICTL_TOKEN=token)
    yield Site(url=url, ca=str(authority.ca), token=token)
    front.stop()


def settings(url: str) -> dict[str, str]:
    """Return the page's settings of the server, for *url*."""
    [text] = re.findall(r"^```\n(CICTL_PUBLIC_URL=.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
    told = dict(line.split("=", 1) for line in text.splitlines())
    assert told.keys() == {"CICTL_PUBLIC_URL", "CICTL_TRUSTED_PROXIES"}
    return told | {"CICTL_PUBLIC_URL": url}


def test_logs_stream_and_artifacts_of_any_size_pass(site: Site, workplace: Workplace) -> None:
    token = workplace.directory / "agent.token"
    token.write_text(workplace.ok("tokens", "create", "a", "--role", "agent", "--agent", "a"))
    workplace.background("run-agent", "--id", "a", "--work-dir", "work", "--token-file", str(token))
    eventually(lambda: "a" in workplace.ok("agents", "list", "-o", "name").split(), what="the agent")
    gate = workplace.directory / "gate"
    script = f"head -c 3000000 /dev/urandom > big; echo begun; while [ ! -e {gate} ]; do sleep 0.05; done; echo ended"
    define(workplace, f"      - id: work\n        artifacts: [big]\n        steps: [{{run: '{script}'}}]\n")
    run = workplace.background("run", "shop/build", "--follow")
    run.wait_for_line("begun", is_whole=True)  # while the job runs: nothing is held back
    gate.touch()
    run.wait_for_line("ended", is_whole=True)
    assert run.wait() == 0, run.output
    workplace.ok("jobs", "download", "@last/work", "big", "-O", "got")
    assert (workplace.directory / "got" / "big").stat().st_size == 3_000_000


def test_a_browser_logs_in(site: Site) -> None:
    with requests.Session() as browser:
        browser.trust_env, browser.verify = False, site.ca
        browser.headers["Accept"] = "text/html"
        assert 'name="token"' in browser.get(f"{site.url}/login", timeout=60).text
        own = {"Origin": site.origin}
        page = browser.post(f"{site.url}/login", data={"token": site.token}, headers=own, timeout=60)
        assert ">root</span>" in page.text
        assert page.headers["Strict-Transport-Security"]
        [given] = page.history
        path = SUB_PATH if site.url.endswith(SUB_PATH) else "/"
        assert re.search(rf"; Path={path}; SameSite=Strict; Secure$", given.headers["Set-Cookie"])
        clear = f"{site.url}/api/v1/jobs/clear-queue"
        assert browser.post(clear, headers=own, timeout=60).status_code == 200
        insecure = site.origin.replace("https://", "http://")
        for foreign in (insecure, "https://evil.example", "null"):
            assert browser.post(clear, headers={"Origin": foreign}, timeout=60).status_code == 403
        assert "Token" in browser.post(f"{site.url}/logout", headers=own, timeout=60).text
        assert not browser.cookies


def test_nobody_takes_another_address(site: Site) -> None:
    def status(claimed: str) -> int:
        headers = {"Authorization": "Bearer wrong", "X-Forwarded-For": claimed}
        return requests.get(f"{site.url}/api/v1/jobs", headers=headers, verify=site.ca, timeout=60).status_code

    assert [status(f"203.0.113.{number}") for number in range(10)] == [401] * 9 + [429]
