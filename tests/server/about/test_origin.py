"""Who may send requests: the hosts that are ours, and the pages that may use the server."""

from __future__ import annotations

import socket

import pytest
from cictl_testing.server import RunningServer

from cictl_server.apidoc.operations import operations
from cictl_server.app import ROUTES
from cictl_server.errors import CictlError, HostNotAllowed, InvalidRequest
from cictl_server.http.access.hosts import OwnHosts
from cictl_server.http.access.origin import ForeignPage, OriginRule

_ONE = dict.fromkeys(
    (
        "job_id",
        "pipeline_id",
        "chain_id",
        "project_id",
        "agent_id",
        "connection_id",
        "path",
        "run",
        "project",
        "pipeline",
    ),
    "1",
)
"""What stands for the ids in a path."""
LOOPBACK, NETWORK = "127.0.0.1", "0.0.0.0"
PUBLIC = "https://ci.example.com"


def refusal(
    bound: str = NETWORK,
    *,
    method: str = "POST",
    public_url: str = "",
    allowed: list[str] | None = None,
    **headers: str,
) -> type[CictlError] | None:
    """Return why the server refuses a request with *headers*, whose names have `_` for `-`; None if it does not."""
    given = {name.replace("_", "-").casefold(): value for name, value in headers.items()}
    rule = OriginRule(OwnHosts(bound=bound, allowed=allowed or []), public_url=public_url)
    try:
        rule.check(method, "/api/v1/jobs/clear-queue", lambda name: given.get(name.casefold()))
    except CictlError as error:
        return type(error)
    return None


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8112", "127.0.0.1:8112", "127.9.9.9", "[::1]:8112", "localhost."]
)
@pytest.mark.parametrize("bound", [LOOPBACK, NETWORK])
def test_loopback_names_are_always_ours(bound: str, host: str) -> None:
    assert refusal(bound, host=host) is None


@pytest.mark.parametrize("host", ["192.168.1.5:8112", "10.0.0.1", "[fe80::1]:8112", "[2001:db8::5]"])
def test_addresses_are_ours_beyond_loopback(host: str) -> None:
    """To reach a server under its address no name is looked up, so nobody can have bound that name anew."""
    assert refusal(NETWORK, host=host) is None
    assert refusal(LOOPBACK, host=host) is HostNotAllowed


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "1.2.3", "_"])
@pytest.mark.parametrize("bound", [LOOPBACK, NETWORK])
def test_other_names_are_not(bound: str, host: str) -> None:
    assert refusal(bound, host=host, origin=f"http://{host}") is HostNotAllowed
    assert refusal(bound, host=host, method="GET") is HostNotAllowed


def test_the_machine_has_names_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Builder.site")
    monkeypatch.setattr(socket, "getfqdn", lambda: "builder.site.example.com")
    hosts = OwnHosts(bound=NETWORK)
    assert all(name in hosts for name in ("builder", "BUILDER.SITE", "builder.local", "builder.local."))
    assert "builder.site.example.com" not in hosts
    hosts.learn_full_name()
    assert "builder.site.example.com" in hosts
    assert "builder.evil.example" not in hosts


def test_a_name_that_is_bound_is_ours() -> None:
    assert "ci.lan" in OwnHosts(bound="ci.lan")


@pytest.mark.parametrize("bound", [LOOPBACK, NETWORK])
def test_allowed_names_are_ours(bound: str) -> None:
    hosts = OwnHosts(bound=bound, allowed=["CI.example.com", ".Lan", "*.test", "10.1.1.1"])
    for name in ("ci.example.com", "ci.example.com.", "a.lan", "b.a.lan", "a.test", "10.1.1.1"):
        assert name in hosts
    for name in ("example.com", "a.ci.example.com", "lan", "test", "evillan", "a.lan.evil.example"):
        assert name not in hosts


@pytest.mark.parametrize(
    "name", ["http://ci.example.com", "ci.example.com:80", "", "*", "a b", "a,b", "a/b", "ü", "a..b"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="--allowed-host must be a host's name without scheme and port"):
        OwnHosts(allowed=[name])


@pytest.mark.parametrize(
    ("origin", "host", "public_url", "why"),
    [
        pytest.param("http://10.0.0.1:8112", "10.0.0.1:8112", "", None, id="own-address"),
        pytest.param("http://10.0.0.1", "10.0.0.1:80", "", None, id="usual-port"),
        pytest.param("http://LocalHost:8112", "localhost:8112", "", None, id="case"),
        pytest.param("https://10.0.0.1:8112", "10.0.0.1:8112", "", ForeignPage, id="https-is-another"),
        pytest.param("http://10.0.0.1:3000", "10.0.0.1:8112", "", ForeignPage, id="another-port"),
        pytest.param("http://10.0.0.1", "10.0.0.1:8112", "", ForeignPage, id="no-port"),
        pytest.param("http://evil.example", "10.0.0.1:8112", "", ForeignPage, id="another-host"),
        pytest.param("null", "10.0.0.1", "", ForeignPage, id="sandboxed"),
        pytest.param("chrome-extension://abc", "abc", "", HostNotAllowed, id="extension"),
        pytest.param("ftp://localhost", "localhost", "", ForeignPage, id="another-scheme"),
        pytest.param("http://[", "10.0.0.1", "", InvalidRequest, id="malformed"),
        pytest.param("http://10.0.0.1, http://10.0.0.1", "10.0.0.1", "", InvalidRequest, id="two"),
        pytest.param(PUBLIC, "ci.example.com", PUBLIC, None, id="proxy-that-passes-the-host"),
        pytest.param(PUBLIC, "ci.example.com:443", PUBLIC, None, id="with-its-port"),
        pytest.param(PUBLIC, "127.0.0.1:8112", PUBLIC, None, id="proxy-with-a-host-of-its-own"),
        pytest.param(f"{PUBLIC}:8443", "ci.example.com", f"{PUBLIC}:8443/cictl", None, id="host-without-the-port"),
        pytest.param("http://ci.example.com", "ci.example.com", PUBLIC, ForeignPage, id="http-where-https-is-ours"),
        pytest.param("http://10.0.0.1:8112", "10.0.0.1:8112", PUBLIC, None, id="past-the-proxy"),
        pytest.param("https://evil.example", "ci.example.com", PUBLIC, ForeignPage, id="another-behind-the-proxy"),
        pytest.param("https://ci.example.com", "ci.example.com", "", HostNotAllowed, id="public-url-not-told"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
def test_changes_from_pages(method: str, origin: str, host: str, public_url: str, why: type[CictlError] | None) -> None:
    assert refusal(method=method, public_url=public_url, host=host, origin=origin) is why


@pytest.mark.parametrize(
    ("site", "why"), [("cross-site", ForeignPage), ("same-site", ForeignPage), ("same-origin", None)]
)
def test_a_browser_tells_whose_page_it_is(site: str, why: type[CictlError] | None) -> None:
    """Some requests of pages bear no `Origin`, or that of the server itself after a redirect."""
    assert refusal(host="localhost", sec_fetch_site=site) is why
    assert refusal(host="localhost", origin="http://localhost", sec_fetch_site=site) is why


def test_programs_tell_nothing() -> None:
    assert refusal(host="10.0.0.1:8112") is None
    assert refusal() is InvalidRequest


IMAGE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
FRAME = {**LINK, "Sec-Fetch-Dest": "iframe"}
TYPED = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
OWN_PAGE = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
SCRIPT = {"Origin": "http://evil.example"}

WORK = [
    "/api/v1/events",
    "/api/v1/jobs/{job_id}/artifacts/download",
    "/api/v1/jobs/{job_id}/artifacts/download-all",
    "/api/v1/pipeline-chains/{chain_id}/source-refs",
    "/api/v1/pipelines/{pipeline_id}/source-refs",
    "/api/v1/pipelines/{pipeline_id}/version-resolve",
    "/api/v1/retention/preview",
    "/api/v1/runs/{run}/summary",
    "/api/v1/update/tags",
]
EMBEDDED = {"/badges/{project}/{pipeline}.svg"}
READS = [each.path for each in operations(ROUTES) if each.method == "get"]


def test_what_costs_work_is_marked() -> None:
    """Whoever marks another route adds it here; whoever adds one that asks git or another server marks it."""
    assert sorted(one.path for one in operations(ROUTES) if one.description.costs_work) == WORK


def refused(server: RunningServer, sender: dict[str, str]) -> set[str]:
    """Return the paths that a page can't read which sends these headers."""
    statuses = {path: server.get(path.format_map(_ONE), headers=sender).status_code for path in READS}
    return {path for path, status in statuses.items() if status == 403}


@pytest.mark.parametrize(
    "sender", [IMAGE, FRAME, {**IMAGE, "Sec-Fetch-Site": "same-site"}], ids=["image", "frame", "port"]
)
def test_no_part_of_another_page_is_read_from_here(server: RunningServer, sender: dict[str, str]) -> None:
    assert refused(server, sender) == set(READS) - (EMBEDDED if sender["Sec-Fetch-Dest"] == "image" else set())


def test_what_others_may_show_as_images_is_marked() -> None:
    """Who sees badges is in `tests/server/runs/test_badges.py`."""
    assert {one.path for one in operations(ROUTES) if one.description.is_embedded} == EMBEDDED


@pytest.mark.parametrize("sender", [LINK, SCRIPT], ids=["link", "script without fetch metadata"])
def test_work_is_not_begun_for_another_page(server: RunningServer, sender: dict[str, str]) -> None:
    """A link leads to everything else."""
    assert refused(server, sender) == set(WORK)


def test_slashes_hide_no_work(server: RunningServer) -> None:
    assert server.get("/api/v1/pipelines//1/source-refs//", headers=LINK).status_code == 403


@pytest.mark.parametrize("sender", [OWN_PAGE, TYPED, {}], ids=["own page", "typed", "program"])
def test_work_is_done_for_everybody_else(server: RunningServer, sender: dict[str, str]) -> None:
    [job_id] = server.run(server.define('[{id: work, steps: [{run: "true"}]}]'))
    assert server.get(f"/api/v1/jobs/{job_id}/artifacts/download-all", headers=sender).status_code == 200


def test_a_name_that_is_learnt_later_is_ours_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: "ci.example.test")
    hosts = OwnHosts(bound=NETWORK)
    rule, header = OriginRule(hosts), {"Host": "ci.example.test"}.get
    with pytest.raises(HostNotAllowed):
        rule.check("GET", "/", header)
    hosts.learn_full_name()
    rule.check("GET", "/", header)
