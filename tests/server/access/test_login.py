"""Browsers: a cookie for a token pasted once, what it may do, and when it ends."""

from __future__ import annotations

from datetime import timedelta
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any

import falcon.testing
import pytest
from cictl_testing.origins import Origin, import_project
from cictl_testing.server import RunningServer
from cictl_testing.servers.threads import ThreadedServer

from cictl_server.app import create_app
from cictl_server.http.access.hosts import OwnHosts
from cictl_server.http.access.origin import OriginRule
from cictl_server.http.browsers.cookies import SessionCookie
from cictl_server.services.access.sessions import MOST_OF_TOKEN, Sessions
from cictl_server.signals.identity import Identity
from cictl_server.signals.memory import MemorySignals

JOBS = "/api/v1/jobs"
CLEAR = f"{JOBS}/clear-queue"
OWN = {"Origin": "http://localhost"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def admin(server: RunningServer) -> str:
    return server.token("admin", name="root")


def post_login(http: falcon.testing.TestClient, secret: str, **options: Any) -> falcon.testing.Result:
    headers = {**FORM, **OWN, **options.pop("headers", {})}
    return http.simulate_post("/login", body=f"token={secret}".encode(), headers=headers, **options)


def cookie_of(answer: falcon.testing.Result) -> Morsel[str]:
    return SimpleCookie(answer.headers["Set-Cookie"])["cictl_session"]


def log_in(server: RunningServer, secret: str) -> dict[str, str]:
    """Log in, and return the header that a browser sends from then on."""
    answer = post_login(server.http, secret)
    assert answer.status_code == 303, answer.text
    return {"Cookie": f"cictl_session={cookie_of(answer).value}"}


def test_the_form_needs_no_script_and_loads_what_is_ours(server: RunningServer, admin: str) -> None:
    page = server.get("/login")
    assert page.status_code == 200, admin
    assert 'name="token"' in page.text
    assert "<style" not in page.text
    policy = page.headers["Content-Security-Policy"]
    assert policy == (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "same-origin", "no-referrer makes browsers send `Origin: null`"


def test_a_token_pasted_gives_a_cookie_that_has_nothing_of_it(server: RunningServer, admin: str) -> None:
    answer = post_login(server.http, admin)
    cookie = cookie_of(answer)
    assert (answer.status_code, answer.headers["Location"]) == (303, "./")
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Strict", "")
    assert (cookie["max-age"], cookie["path"], cookie["domain"]) == ("43200", "/", "")
    assert admin not in answer.headers["Set-Cookie"]
    page = server.get("/login", headers={"Cookie": f"cictl_session={cookie.value}"})
    assert "<strong>root</strong>, with the role admin" in page.text
    assert 'href="./api/v1/openapi.json"' in page.text
    stored = b"".join(path.read_bytes() for path in server.directory.rglob("*") if path.is_file())
    assert cookie.value.encode() not in stored


@pytest.mark.parametrize(
    ("public_url", "scheme", "path", "is_secure"),
    [
        pytest.param("", "http", "/", False, id="direct"),
        pytest.param("", "https", "/", True, id="proxy-says-https"),
        pytest.param("http://ci.example.com/ci/", "http", "/ci", False, id="sub-path"),
        pytest.param("https://ci.example.com", "http", "/", True, id="public-https"),
        pytest.param("https://ci.example.com/a/ci", "http", "/a/ci", True, id="deep"),
    ],
)
def test_the_cookie_fits_what_browsers_see(
    server: RunningServer, admin: str, public_url: str, scheme: str, path: str, is_secure: bool
) -> None:
    rule = OriginRule(OwnHosts(), public_url=public_url)
    app = create_app(server.services, origin_rule=rule, cookie=SessionCookie(public_url=public_url))
    http = falcon.testing.TestClient(app, headers={"Host": "localhost"})
    answer = post_login(http, admin, headers={"Origin": public_url or f"{scheme}://localhost"}, protocol=scheme)
    cookie = cookie_of(answer)
    assert (cookie["path"], bool(cookie["secure"])) == (path, is_secure)
    base = f"{path.rstrip('/')}/" if public_url else "./"
    assert answer.headers["Location"] == base
    assert f'action="{base}login"' in http.simulate_get("/login").text


def test_a_cookie_does_what_its_token_does(server: RunningServer, admin: str) -> None:
    viewer = log_in(server, server.token("viewer"))
    assert server.get(JOBS, headers=viewer).status_code == 200
    assert server.get("/api/v1/whoami", headers=viewer).json["name"] == "viewer"
    assert server.get("/api/v1/server-info", headers=viewer).json["version"] == "1.2.3"
    assert server.post(CLEAR, headers=viewer | OWN).status_code == 403
    assert server.get("/api/v1/tokens", headers=viewer).status_code == 403
    assert server.post(CLEAR, headers=log_in(server, admin) | OWN).status_code == 200
    bound = log_in(server, server.token("operator", name="o", projects=["shop"]))
    assert server.post(CLEAR, headers=bound | OWN).status_code == 403


@pytest.mark.parametrize(
    ("more", "status"),
    [
        pytest.param({}, 403, id="without"),
        pytest.param({"Origin": "null"}, 403, id="null"),
        pytest.param({"Origin": "http://evil.example"}, 403, id="foreign"),
        pytest.param({"Origin": "http://localhost:1234"}, 403, id="other-port"),
        pytest.param(OWN, 200, id="own"),
        pytest.param({**OWN, "Sec-Fetch-Site": "same-site"}, 403, id="same-site"),
    ],
)
def test_a_change_with_a_cookie_needs_an_origin_of_ours(
    server: RunningServer, admin: str, more: dict[str, str], status: int
) -> None:
    cookie = log_in(server, admin)
    assert server.post(CLEAR, headers=cookie | more).status_code == status
    assert server.get(JOBS, headers=cookie).status_code == 200


def test_a_token_that_is_sent_along_is_the_one_that_counts(server: RunningServer, admin: str) -> None:
    cookie = log_in(server, server.token("viewer"))
    assert server.ask("POST", CLEAR, admin, headers=cookie).status_code == 200, "no Origin is needed then"
    assert server.ask("GET", JOBS, "wrong", headers=cookie).status_code == 401


class TestEnds:
    def test_by_logging_out(self, server: RunningServer, admin: str) -> None:
        one, other = log_in(server, admin), log_in(server, admin)
        assert server.post("/logout", headers=one).status_code == 403, "as every change it needs an Origin"
        answer = server.post("/logout", headers=one | OWN)
        assert (answer.status_code, cookie_of(answer).value, cookie_of(answer)["max-age"]) == (303, "", "-1")
        assert server.get(JOBS, headers=one).status_code == 401
        assert server.get(JOBS, headers=other).status_code == 200
        assert server.post("/logout").status_code == 303, "twice is fine"

    def test_by_logging_in_anew(self, server: RunningServer, admin: str) -> None:
        old = log_in(server, admin)
        assert post_login(server.http, admin, headers=old).status_code == 303
        assert server.get(JOBS, headers=old).status_code == 401

    def test_after_twelve_hours(self, server: RunningServer, admin: str) -> None:
        cookie = log_in(server, admin)
        server.clock.step(12 * 3600 - 0.001)
        assert server.get(JOBS, headers=cookie).status_code == 200
        server.clock.step(0.001)
        assert server.get(JOBS, headers=cookie).status_code == 401

    def test_with_its_token(self, server: RunningServer, admin: str) -> None:
        brief = log_in(server, server.token("viewer", name="brief", ttl_seconds=60))
        rotated = log_in(server, server.token("viewer", name="rotated"))
        revoked = log_in(server, server.token("viewer", name="revoked"))
        server.clock.step(60)
        server.ask("POST", "/api/v1/tokens/3/rotate", admin)
        server.ask("DELETE", "/api/v1/tokens/4", admin)
        assert [server.get(JOBS, headers=cookie).status_code for cookie in (brief, rotated, revoked)] == [401] * 3

    def test_with_the_server(self, server: RunningServer, admin: str) -> None:
        cookie = log_in(server, admin)
        server.restart()
        assert server.get(JOBS, headers=cookie).status_code == 401

    def test_streams_too(self, server: RunningServer, admin: str) -> None:
        cookie = log_in(server, admin)
        find = server.services.access.authentication.find_by_session
        principal = find(cookie["Cookie"].partition("=")[2])
        assert principal is not None
        is_over = server.services.access.authentication.is_over
        assert not is_over(principal)
        server.post("/logout", headers=cookie | OWN)
        assert is_over(principal)


def test_wrong_tokens_are_counted_and_old_cookies_are_not(server: RunningServer, admin: str) -> None:
    old = {"Cookie": "cictl_session=old"}
    assert [server.get(JOBS, headers=old).status_code for _ in range(20)] == [401] * 20
    assert [post_login(server.http, "wrong").status_code for _ in range(10)] == [401] * 9 + [429]
    limited = post_login(server.http, "wrong")
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "60")
    assert post_login(server.http, admin).status_code == 303


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", 400, id="empty"),
        pytest.param(b"token=", 400, id="blank"),
        pytest.param(b"password=x", 400, id="other-field"),
        pytest.param(b"token=%ff%00", 401, id="no-text"),
        pytest.param(b'{"token":"x"}', 400, id="json"),
        pytest.param(b"token=" + b"x" * 5000, 413, id="long"),
        pytest.param(b"&".join([b"token=x"] * 200), 401, id="many"),
    ],
)
def test_an_odd_form_logs_nobody_in(server: RunningServer, admin: str, body: bytes, status: int) -> None:
    answer = server.http.simulate_post("/login", body=body, headers=FORM)
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (status, False), admin


def test_tokens_of_machines_are_not_for_browsers(server: RunningServer, admin: str) -> None:
    agent = server.token("agent", agent_id="a")
    assert post_login(server.http, agent).status_code == 403, admin


def test_a_token_of_a_job_is_not_for_browsers(server: RunningServer) -> None:
    server.enqueue()
    server.heartbeat("a")
    server.token("admin")
    body = {"agent_id": "a", "sends_token": True}
    leased = server.ask("POST", "/api/v1/agent/lease", server.token("agent", agent_id="a"), json=body)
    assert post_login(server.http, leased.json["job_token"]).status_code == 403


def test_a_foreign_page_logs_nobody_in(server: RunningServer, admin: str) -> None:
    assert post_login(server.http, admin, headers={"Origin": "http://evil.example"}).status_code == 403


def test_a_browser_without_session_is_shown_the_way(server: RunningServer, admin: str) -> None:
    page = server.get(f"{JOBS}/1", headers=BROWSER)
    assert (page.status_code, page.headers["Content-Type"]) == (401, "text/html; charset=utf-8"), admin
    assert '<a href="/login">Log in</a>' in page.text
    assert 'name="token"' not in page.text
    assert page.headers["WWW-Authenticate"] == 'Bearer realm="cictl"'
    assert server.get(JOBS).text == "this server wants a token\n"
    assert server.get(JOBS, headers={"Accept": "application/json"}).json["code"] == "unauthenticated"


def test_the_audit_has_who_logged_in_and_out(server: RunningServer, admin: str) -> None:
    board = server.token("viewer", name="board")
    cookie = log_in(server, board)
    assert post_login(server.http, admin, headers=cookie, remote_addr="203.0.113.9").status_code == 303
    assert server.post("/logout", headers=cookie | OWN).status_code == 303, "it ended with the log-in before"
    assert server.post("/logout").status_code == 303
    server.post("/logout", headers=log_in(server, board) | OWN)
    assert post_login(server.http, "wrong").status_code == 401
    listed = server.ask("GET", "/api/v1/audit", admin).json["records"]
    told = sorted((r["id"], r["action"], r["actor"]["name"], r["from"]["address"]) for r in listed)
    of_browsers = [(action, *rest) for _, action, *rest in told if action.startswith(("session.", "auth."))]
    assert of_browsers == [
        ("session.begun", "board", "127.0.0.1"),
        ("session.begun", "root", "203.0.113.9"),
        ("session.begun", "board", "127.0.0.1"),
        ("session.ended", "board", "127.0.0.1"),
        ("auth.refused", "", "127.0.0.1"),
    ]


def test_shared_caches_keep_nothing(server: RunningServer, tmp_path: Path) -> None:
    origin = Origin(tmp_path / "origin")
    origin.work.joinpath("icon.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    origin.commit(
        {"cictl.yaml": "version: 1\nproject: {name: shop}\npipelines: [{id: p, jobs: [{id: j, steps: [{run: x}]}]}]\n"}
    )
    import_project(server, origin.url)
    paths = ("/api/v1/projects/1/icon", "/metrics", JOBS)
    assert server.get(paths[0]).headers["Cache-Control"] == "public, max-age=300", "of a server that is open to all"
    cookie = log_in(server, server.token("admin"))
    told = [server.get(path, headers=cookie).headers["Cache-Control"] for path in paths]
    assert told == ["private, max-age=300", "private", "no-store, max-age=0"]


def test_names_are_escaped(server: RunningServer, admin: str) -> None:
    name = "<b>&\"'"
    cookie = log_in(server, server.token("viewer", name=name, projects=["<i>"]))
    page = server.get("/login", headers=cookie).text
    assert "&lt;b&gt;&amp;&#34;&#39;" in page, admin
    assert "&lt;i&gt;" in page
    refusal = post_login(server.http, "wrong", headers=BROWSER)
    assert (refusal.status_code, "the token is wrong" in refusal.text) == (401, True)


def test_an_open_server_says_that_nobody_needs_to_log_in(server: RunningServer) -> None:
    assert "asks nobody" in server.get("/login").text
    answer = post_login(server.http, "anything")
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (303, False)


def test_sessions_of_one_token_are_bounded(server: RunningServer) -> None:
    sessions, now = Sessions(MemorySignals(server.clock, Identity(version=""))), server.clock()
    other = sessions.begin(token_id=2, token_digest="d", now=now)
    ids = [sessions.begin(token_id=1, token_digest="d", now=now) for _ in range(MOST_OF_TOKEN + 2)]
    assert [sessions.find(one, now) is None for one in ids] == [True, True] + [False] * MOST_OF_TOKEN
    assert sessions.find(other, now)
    sessions.begin(token_id=3, token_digest="d", now=now + timedelta(hours=12))
    assert len(sessions._board.states()) == 1, "what is over is forgotten"


def test_a_real_connection_logs_in_and_out(tmp_path: Path) -> None:
    import requests

    server = RunningServer(tmp_path)
    secret = server.token("admin")
    http = ThreadedServer(server.http.app)
    with requests.Session() as browser:
        browser.headers.update({"Origin": http.url})
        browser.headers["Accept"] = BROWSER["Accept"]
        page = browser.post(f"{http.url}/login", data={"token": secret}, timeout=60)
        assert "Overview</h1>" in page.text
        assert browser.post(f"{http.url}{CLEAR}", timeout=60).status_code == 200
        assert "Token" in browser.post(f"{http.url}/logout", timeout=60).text
        assert browser.post(f"{http.url}{CLEAR}", timeout=60).status_code == 401
    http.stop()
    server.close()
