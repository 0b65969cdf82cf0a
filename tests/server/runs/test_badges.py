"""Badges and the feed of build monitors: what they show, and to whom."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from cictl_testing.notifications.telling import run, start
from cictl_testing.server import RunningServer
from falcon.testing import Result
from msgspec.structs import replace

from cictl.project_file.definition import VcsSource
from cictl.wire.codec import encode
from cictl.wire.projects import ProjectSettings
from cictl_server.http.svg_badge import Colour, svg_badge
from cictl_server.store.contract import Transaction

SVG = "{http://www.w3.org/2000/svg}"
JOBS = "[{id: work, steps: [{run: x}]}]"
BADGE = "/badges/shop/build.svg"
IMAGE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
NOTHING = "badge not found"


@pytest.fixture
def build(server: RunningServer) -> int:
    return server.define(JOBS)


def drawn(text: str) -> tuple[str, str]:
    """Return the title of a badge, and the colour of its word."""
    root = ET.fromstring(text)
    path = root.find(f"{SVG}path")
    assert path is not None
    return root.findtext(f"{SVG}title") or "", path.attrib["fill"]


def badge(server: RunningServer, query: str = "") -> str:
    answer = server.get(f"{BADGE}?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    return drawn(answer.text)[0]


def feed(server: RunningServer, secret: str = "") -> dict[str, dict[str, str]]:
    """Return what the feed tells, by name."""
    answer = server.ask("GET", "/cc.xml", secret)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml")
    return {project.attrib["name"]: dict(project.attrib) for project in ET.fromstring(answer.content)}


def publish(server: RunningServer, secret: str = "", *, public: bool = True) -> Result:
    settings = encode(ProjectSettings(public_badges=public))
    return server.ask("POST", "/api/v1/projects/1/settings", secret, body=settings)


class TestBadges:
    def test_a_badge_shows_the_last_result(self, server: RunningServer, build: int) -> None:
        assert drawn(server.get(BADGE).text) == ("build: unknown", Colour.GREY)
        run(server, build, "succeeded")
        assert drawn(server.get(BADGE).text) == ("build: passing", Colour.GREEN)
        run(server, build, "failed")
        assert drawn(server.get("/badges/1/build.svg").text) == ("build: failing", Colour.RED)

    def test_what_is_no_result_changes_nothing(self, server: RunningServer, build: int) -> None:
        run(server, build, "succeeded")
        server.cancel(start(server, build))
        start(server, build)
        assert badge(server) == "build: passing"

    def test_each_branch_has_its_own(self, server: RunningServer, build: int) -> None:
        run(server, build, "succeeded", ref="main")
        run(server, build, "failed", ref="dev")
        shown = [badge(server, f"branch={branch}") for branch in ("main", "dev", "new")]
        assert shown == ["build: passing", "build: failing", "build: unknown"]

    def test_by_default_it_is_about_the_branch_that_the_pipeline_builds(self, server: RunningServer) -> None:
        build = server.define(JOBS)
        run(server, build, "succeeded", ref="main")
        run(server, build, "failed", ref="dev")
        assert badge(server) == "build: failing"

        def build_main(tx: Transaction) -> None:
            record = tx.pipelines.find(build)
            assert record is not None
            definition = replace(record.definition, vcs_source=VcsSource(repo="/nothing", ref="refs/heads/main"))
            tx.pipelines.put(replace(record, definition=definition))

        server.store.write(build_main)
        assert badge(server) == "build: passing"

    def test_names_are_escaped(self) -> None:
        name = "<script>\"&'</script>" + "x" * 100
        root = ET.fromstring(svg_badge(name, "passing", Colour.GREEN))
        assert {child.tag.removeprefix(SVG) for child in root.iter()} == {"svg", "title", "rect", "path", "g", "text"}
        assert root.attrib["aria-label"] == f"{name}: passing"
        shown = root.findall(f".//{SVG}text")[0].text or ""
        assert (shown[:59], len(shown)) == (name[:59], 60)

    def test_a_browser_that_has_it_is_not_sent_it_again(self, server: RunningServer, build: int) -> None:
        first = server.get(BADGE)
        again = server.get(BADGE, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.text) == (304, "")
        run(server, build, "failed")
        changed = server.get(BADGE, headers={"If-None-Match": first.headers["etag"]})
        assert (changed.status_code, changed.headers["cache-control"]) == (200, "private, max-age=60")

    @pytest.mark.parametrize("path", ["/badges/shop/other.svg", "/badges/other/build.svg", "/badges/9/build.svg"])
    def test_what_is_not_there_is_not_found(self, server: RunningServer, build: int, path: str) -> None:
        answer = server.get(path)
        assert (answer.status_code, answer.text.splitlines()[0]) == (404, NOTHING)


class TestWhoSeesBadges:
    @pytest.fixture(autouse=True)
    def admin(self, server: RunningServer, build: int) -> str:
        return server.token("admin")

    def test_without_a_token_a_private_project_looks_as_if_it_were_not_there(self, server: RunningServer) -> None:
        private, missing = server.get(BADGE), server.get("/badges/none/build.svg")
        assert (private.status_code, private.text) == (missing.status_code, missing.text)
        assert private.status_code == 404

    def test_a_token_that_reaches_the_project_sees_it(self, server: RunningServer) -> None:
        ours, theirs = (server.token("viewer", name, projects=[name]) for name in ("shop", "tea"))
        agent = server.token("agent", "a", agent_id="a")
        asked = [server.ask("GET", BADGE, secret).status_code for secret in (ours, theirs, agent, "cictl_u_wrong")]
        assert asked == [200, 404, 404, 404]

    def test_everybody_sees_public_ones(self, server: RunningServer, admin: str) -> None:
        assert publish(server, admin).json == {"job_tokens": "none", "public_badges": True}
        answer = server.get(BADGE, headers=IMAGE)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=60")
        assert publish(server, admin, public=False).json == {"job_tokens": "none"}
        assert server.get(BADGE).status_code == 404

    def test_the_setting_is_shown_and_survives_another_one(self, server: RunningServer, admin: str) -> None:
        publish(server, admin)
        server.ask("POST", "/api/v1/projects/1/settings", admin, body=b'{"job_tokens":"start"}')
        shown = server.ask("GET", "/api/v1/projects/1", admin).json
        assert shown["project"]["public_badges"] is True


class TestPagesOfOtherSites:
    def test_they_see_public_badges_alone_even_where_nobody_wants_a_token(
        self, server: RunningServer, build: int
    ) -> None:
        assert server.get(BADGE, headers=IMAGE).status_code == 404
        publish(server)
        assert server.get(BADGE, headers=IMAGE).status_code == 200

    @pytest.mark.parametrize("part", [{"Sec-Fetch-Mode": "cors"}, {"Sec-Fetch-Dest": "script"}])
    def test_they_can_show_but_not_read_them(self, server: RunningServer, build: int, part: dict[str, str]) -> None:
        publish(server)
        assert server.get(BADGE, headers=IMAGE | part).status_code == 403

    def test_nothing_else_is_shown_as_an_image(self, server: RunningServer, build: int) -> None:
        assert server.get("/api/v1/projects/1/icon", headers=IMAGE).status_code == 403
        assert server.get("/cc.xml", headers=IMAGE).status_code == 403


class TestFeed:
    def test_it_tells_how_each_pipeline_stands(self, server: RunningServer) -> None:
        server.restart_with(base_url="https://ci.example.test")
        build = server.define_project(
            f"pipelines: [{{id: build, jobs: {JOBS}}}]\npipeline_chains: [{{id: all, pipelines: [build]}}]"
        )["build"]
        run(server, build, "failed")
        ended = server.clock.now
        server.clock.step(60)
        start(server, build)
        found = feed(server)
        assert found["shop/build"] == {
            "name": "shop/build",
            "activity": "Building",
            "lastBuildStatus": "Failure",
            "lastBuildLabel": "1",
            "lastBuildTime": ended.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "webUrl": "https://ci.example.test/runs/1",
        }
        assert found["shop/all"]["lastBuildStatus"] == "Unknown"
        assert found["shop/all"]["activity"] == "Sleeping"
        assert "lastBuildLabel" not in found["shop/all"]

    def test_names_are_escaped(self, server: RunningServer) -> None:
        name = 'a<b>&"c"'
        server.define_project(f"pipelines: [{{id: build, jobs: {JOBS}}}]", name=name)
        assert list(feed(server)) == [f"{name}/build"]

    def test_a_token_sees_its_projects(self, server: RunningServer, build: int) -> None:
        server.define_project(f"pipelines: [{{id: brew, jobs: {JOBS}}}]", name="tea")
        admin = server.token("admin")
        viewer = server.token("viewer", projects=["tea"])
        assert set(feed(server, admin)) == {"shop/build", "tea/brew"}
        assert set(feed(server, viewer)) == {"tea/brew"}
        assert server.get("/cc.xml").status_code == 401
