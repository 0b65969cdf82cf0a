"""Pages that many look at are made once, for those who may see the same."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from cictl_testing.face.forms import HTML
from cictl_testing.server import RunningServer

from cictl_server.face import page
from cictl_server.face.page import PART, SEEN
from cictl_server.face.shared import Body, Shared
from cictl_server.services.runs.overview import OverviewService, ProjectOverview, Sees

from .conftest import Shown

AGAIN = {**HTML, PART: "1", SEEN: ""}


def test_of_all_who_ask_at_the_same_time_one_makes_the_body() -> None:
    shared = Shared(kept=4, newest=lambda: 0)
    made, all_here = [], threading.Barrier(8)

    def make() -> Body:
        made.append(1)
        return Body(b"page")

    def ask() -> Body:
        all_here.wait(20)
        return shared.get("page", make)

    with ThreadPoolExecutor(8) as viewers:
        bodies = [one.result(20) for one in [viewers.submit(ask) for _ in range(8)]]
    assert (len(made), {one.plain for one in bodies}) == (1, {b"page"})


def test_nobody_who_knows_of_an_event_gets_what_was_begun_before_it() -> None:
    newest = iter([4, 7])
    shared = Shared(kept=4, newest=lambda: next(newest))
    texts = iter([b"old", b"new"])
    got = [shared.get("page", lambda: Body(next(texts)), wanted=wanted).plain for wanted in (3, 4, 7, 5)]
    assert got == [b"old", b"old", b"new", b"new"]


def test_a_body_whose_making_failed_is_made_by_the_next() -> None:
    shared = Shared(kept=4, newest=lambda: 0)
    with pytest.raises(ZeroDivisionError):
        shared.get("page", lambda: Body(b"%d" % (1 // 0)))
    assert shared.get("page", lambda: Body(b"page")).plain == b"page"


def test_a_page_is_looked_up_once_for_all_who_ask_again(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "_SHARED_SECONDS", 600.0)
    asked = []
    get = OverviewService.get

    def counted(overview: OverviewService, *, sees: Sees) -> list[ProjectOverview]:
        asked.append(sees)
        return get(overview, sees=sees)

    monkeypatch.setattr(OverviewService, "get", counted)
    server = shown.server
    server.define("[{id: test, steps: [{run: ls}]}]")
    for headers in (AGAIN, AGAIN, HTML, AGAIN):
        assert server.get("/", headers=headers).status_code == 200
    assert len(asked) == 2  # once for those who ask again, and once for who comes
    server.heartbeat("news")
    server.get("/", headers=AGAIN)
    assert len(asked) == 3


def seen(server: RunningServer, secret: str) -> str:
    return server.ask("GET", "/", secret, headers=AGAIN).text


def test_what_is_shared_shows_nobody_more_than_they_may_see(shown: Shown) -> None:
    server = shown.server
    for name in ("shop", "zebra"):
        server.define_project("pipelines: [{id: build, jobs: [{id: test, steps: [{run: ls}]}]}]", name=name)
    _admin, operator, viewer = (server.token(role) for role in ("admin", "operator", "viewer"))
    bound = server.token("viewer", "bound", projects=["shop"])
    assert ["Run build" in seen(server, secret) for secret in (operator, viewer)] == [True, False]
    assert ["zebra" in seen(server, secret) for secret in (viewer, bound)] == [True, False]
