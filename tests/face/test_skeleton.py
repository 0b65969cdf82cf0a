"""What all pages have in common: headers, files, log-in, links below a path, and who gets one at all."""

from __future__ import annotations

import gzip

import falcon.testing
import pytest
from cictl_testing.face.browser import WIDTHS, Looking, findings, overflow
from cictl_testing.server import RunningServer

from cictl_server.app import create_app
from cictl_server.face.assets import assets, assets_version
from cictl_server.http.access.hosts import OwnHosts
from cictl_server.http.access.origin import OriginRule
from cictl_server.http.browsers.cookies import SessionCookie

from .conftest import Shown

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PIPELINE = "pipelines: [{id: build, jobs: [{id: test, steps: [{run: ls}]}]}]"


@pytest.fixture
def server(shown: Shown) -> RunningServer:
    return shown.server


def test_a_page_is_for_browsers_alone(server: RunningServer) -> None:
    assert server.get("/").text == "404 page not found\n"
    assert server.get("/", headers={"Accept": "application/json"}).status_code == 404
    page = server.get("/", headers=HTML)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["Content-Security-Policy"].startswith("default-src 'self'; ")


def test_a_page_that_the_browser_has_is_not_sent_again(server: RunningServer) -> None:
    tag = server.get("/", headers=HTML).headers["ETag"]
    assert server.get("/", headers={**HTML, "If-None-Match": tag}).status_code == 304
    server.define_project(PIPELINE)
    assert server.get("/", headers={**HTML, "If-None-Match": tag}).status_code == 200


def test_a_page_is_packed_for_whoever_takes_that(server: RunningServer) -> None:
    plain = server.get("/", headers=HTML)
    packed = server.get("/", headers={**HTML, "Accept-Encoding": "br, gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    refused = server.get("/", headers={**HTML, "Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in refused.headers


def test_files_are_kept_under_the_hash_of_their_content(server: RunningServer) -> None:
    for name in assets():
        current = server.get(f"/static/{assets_version()}/{name}")
        assert current.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert server.get("/static/0/face.css").headers["Cache-Control"] == "no-cache", "of another version"
    assert server.get(f"/static/{assets_version()}/face.py").status_code == 404


def test_style_and_script_leave_room_for_a_page() -> None:
    sizes = {name: len(asset.packed) for name, asset in assets().items()}
    assert sizes["face.js"] < 15 << 10
    assert sizes["face.css"] + sizes["face.js"] + sizes["icons.svg"] < 25 << 10


def test_without_a_session_a_page_leads_to_the_form_and_back(server: RunningServer) -> None:
    server.token("admin")
    answer = server.get("/runs/1?a=b", headers=HTML)
    assert (answer.status_code, answer.headers["Location"]) == (303, "../login?next=/runs/1%3Fa%3Db")
    assert server.audit(action="auth.refused") == [], "to go to a page is no attempt"
    assert server.get("/runs/1").status_code == 404, "a program is told of no page"


def test_a_link_of_another_site_is_followed_once_more_with_the_cookie(server: RunningServer) -> None:
    server.token("admin")
    came = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    page = server.get("/runs/1", headers={**HTML, **came})
    assert page.status_code == 200
    assert '<meta http-equiv="refresh" content="0">' in page.text


@pytest.mark.parametrize(
    "goal", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/x"]
)
def test_nobody_is_led_to_another_site(server: RunningServer, goal: str) -> None:
    secret = server.token("admin")
    page = server.get("/login", headers=HTML, params={"next": goal})
    assert 'name="next"' not in page.text
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://localhost"}
    answer = server.http.simulate_post("/login", headers=form, body=f"token={secret}&next={goal}".encode())
    assert answer.headers["Location"] == "./"


def test_links_begin_with_the_path_of_the_public_url(server: RunningServer) -> None:
    public = "https://ci.example.com/ci/"
    rule = OriginRule(OwnHosts(), public_url=public)
    app = create_app(server.services, origin_rule=rule, cookie=SessionCookie(public_url=public))
    http = falcon.testing.TestClient(app, headers={"Host": "localhost", **HTML})
    server.run(server.define_project(PIPELINE)["build"])
    page = http.simulate_get("/runs/1").text
    assert f'href="/ci/static/{assets_version()}/face.css"' in page
    assert 'href="/ci/jobs/' in page
    assert 'href="../' not in page


def test_a_wrong_token_gives_the_form_and_a_line(shown: Shown, look: Looking) -> None:
    secret = shown.server.token("admin")
    page = look("/runs/7")
    look.expects(page, "answer: 401 POST|answer: 404 GET .*/runs/7")
    assert page.url.endswith("/login?next=/runs/7")
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    assert page.get_by_role("alert").inner_text() == "the token is wrong"
    page.get_by_label("Token").fill(secret)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/runs/7")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")


def test_keys_are_listed_and_lead_to_pages(shown: Shown, look: Looking) -> None:
    shown.server.run(shown.server.define_project(PIPELINE)["build"])
    page = look("/runs/1")
    page.keyboard.press("?")
    assert "find" in page.get_by_role("dialog").inner_text()
    assert findings(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "find"
    page.keyboard.press("Escape")
    page.evaluate(
        "const pressed = Date.now(); Date.now = () => pressed"
    )  # both keys at once, however busy the machine is
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_url(f"{shown.url}/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/runs/1", "/login"])
def test_everybody_can_use_it_at_every_width(shown: Shown, look: Looking, path: str, scheme: str) -> None:
    shown.server.run(shown.server.define_project(PIPELINE)["build"])
    shown.server.finish("succeeded")
    page = look(path, color_scheme=scheme)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == 0
        assert findings(page) == []


def test_a_full_page_with_all_that_it_loads_is_small(server: RunningServer) -> None:
    for number in range(20):
        server.run(server.define_project(PIPELINE, name=f"project-{number}")["build"])
    page = server.get("/", headers={**HTML, "Accept-Encoding": "gzip"})
    loaded = sum(len(asset.packed) for name, asset in assets().items() if name.startswith(("face.", "icons", "mark")))
    assert len(page.content) + loaded <= 50 << 10
