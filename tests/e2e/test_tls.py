"""A server behind TLS whose certificate comes from an authority of one's own, and that wants to see one of the client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cictl_testing.certificates import Authority, Certificate
from cictl_testing.processes import Workplace, eventually
from cictl_testing.servers.nginx import Nginx, needs_nginx

from tests.e2e.test_pipeline import define

pytestmark = needs_nginx


@pytest.fixture
def authority(workplace: Workplace) -> Authority:
    return Authority(workplace.directory / "authority")


@pytest.fixture
def shown(authority: Authority) -> Certificate:
    """What the client shows."""
    return authority.issue("client")


@pytest.fixture
def secure(workplace: Workplace, authority: Authority) -> Iterator[str]:
    """The URL of nginx, which asks for certificates of the authority."""
    own = authority.issue("server")
    tls = (
        f"ssl_certificate {own.cert}; ssl_certificate_key {own.key};"
        f" ssl_client_certificate {authority.ca}; ssl_verify_client on;"
    )
    nginx = Nginx(workplace.directory / "nginx", workplace.url, {"ci": ""}, tls=tls)
    yield f"{nginx.url}/ci"
    nginx.stop()


def test_commands_and_agents_trust_it_and_show_theirs(
    workplace: Workplace, authority: Authority, secure: str, shown: Certificate
) -> None:
    workplace.extra.update(CICTL_CLIENT_CERT=str(shown.cert), CICTL_CLIENT_KEY=str(shown.key))
    ca = ("--ca-file", str(authority.ca))
    work = str(workplace.directory / "work")
    workplace.background("run-agent", "--server", secure, *ca, "--id", "a", "--work-dir", work)
    eventually(lambda: "a" in workplace.ok("agents", "list", "-o", "name").split(), what="the agent")
    define(workplace, "      - id: work\n        steps: [{run: 'echo done'}]\n")
    workplace.ok("--server", secure, *ca, "run", "shop/build", "--wait")
    workplace.ok("--server", secure, *ca, "healthcheck")
    workplace.ok("context", "set", "prod", "--server", secure, *ca, "--client-cert", str(shown.cert))
    workplace.extra.clear()
    workplace.ok("context", "set", "prod", "--client-key", str(shown.key))
    assert "work" in workplace.ok("--context", "prod", "jobs", "list")


@pytest.mark.parametrize("command", [("jobs", "list"), ("healthcheck",)], ids=["client", "probe"])
def test_what_is_wrong_is_said(
    workplace: Workplace, secure: str, shown: Certificate, authority: Authority, command: tuple[str, ...]
) -> None:
    strangers = Authority(workplace.directory / "strangers")
    assert strangers.ca != authority.ca
    for trusted in (strangers.ca, None):
        options = ("--ca-file", str(trusted)) if trusted else ()
        ended = workplace.cictl("--server", secure, *options, *command)
        told = ended.stdout + ended.stderr
        assert (ended.returncode, "its certificate is not trusted" in told) == (9, True), told
    ended = workplace.cictl("--server", secure, "--ca-file", str(authority.ca), *command)
    told = ended.stdout + ended.stderr
    assert (ended.returncode, "an nginx page: 400" in told) == (9, True), told
    ended = workplace.cictl("--server", secure, "--ca-file", "nowhere.pem", *command)
    assert (ended.returncode, "nowhere.pem is no file" in ended.stderr) == (2, True), ended.stderr
