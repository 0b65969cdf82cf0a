"""Which route a path takes: the one that Falcon's own router takes."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import product
from typing import Any

import pytest
from falcon.routing import CompiledRouter

from cictl_server.app import SERVED
from cictl_server.http.router import Router
from cictl_server.http.routes import Route

_WORDS = sorted(
    {part for route in SERVED for part in route.path.split("/") if "{" not in part} | {"", ".svg", "a.svg", "7"}
)
"""All that is written out somewhere, and what may stand at the place of a placeholder."""


class Things:
    def on_get(self) -> None: ...

    def on_post_all(self) -> None: ...


@pytest.fixture(scope="module")
def routers() -> tuple[Router, CompiledRouter]:
    ours, falcons = Router(), CompiledRouter()
    for route, router in product(SERVED, (ours, falcons)):
        router.add_route(route.path, route.resource, suffix=route.suffix or None)
    return ours, falcons


def _paths(route: Route) -> set[str]:
    """Return paths that take the route or nearly do: with each word at each placeholder, a part more and a part less."""
    filled = {re.sub(r"\{.*?\}", word, route.path) for word in _WORDS}
    return {path + end for path in filled for end in ("", "/", "/more/parts")} | {
        path.rpartition("/")[0] for path in filled
    }


def test_a_path_takes_the_route_that_it_always_took(routers: tuple[Router, CompiledRouter]) -> None:
    ours, falcons = routers
    for path in sorted(set().union(*(_paths(route) for route in SERVED))):
        found, wanted = ours.find(path), falcons.find(path)
        assert (found is None) == (wanted is None), path
        if found is not None and wanted is not None:
            assert (found[0], found[2], found[3]) == (wanted[0], wanted[2], wanted[3]), path


def _responders(router: CompiledRouter, path: str) -> dict[str, str]:
    found: Any = router.find(path)
    return {method: responder.__name__ for method, responder in found[1].items()}


@pytest.mark.parametrize("path", ["/things", "/things/all"])
def test_what_no_responder_takes_is_refused_as_by_falcon(path: str) -> None:
    ours, falcons = Router(), CompiledRouter()
    for router in (ours, falcons):
        router.add_route("/things", Things())
        router.add_route("/things/all", Things(), suffix="all")
    assert _responders(ours, path) == _responders(falcons, path)


def test_responders_are_those_of_the_resource_at_the_path() -> None:
    one, other = Things(), Things()
    router = Router()
    router.add_route("/one", one)
    router.add_route("/other", other)
    found = router.find("/other")
    assert found is not None
    assert found[1]["GET"] == other.on_get != one.on_get


def test_a_resource_is_made_once_when_a_path_leads_to_it() -> None:
    made: list[Things] = []

    def make() -> Things:
        made.append(Things())
        return made[-1]

    router = Router()
    router.add_later("/later", make)
    assert not made
    assert [router.find("/later") is not None for _ in range(2)] == [True, True]
    assert len(made) == 1


def test_an_app_is_made_without_what_nobody_has_asked_for() -> None:
    program = "import sys, cictl_server.app; print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", program], text=True).split())
    assert not loaded & {"cictl_server.resources.jobs", "cictl_server.face.page", "cictl_server.apidoc.openapi"}


@pytest.mark.parametrize(("first", "second"), [("/jobs/{id}", "/jobs/{job}/log"), ("/a/{x:path}", "/a/{y:path}")])
def test_a_place_has_one_name(first: str, second: str) -> None:
    router = Router()
    router.add_route(first, Things())
    with pytest.raises(ValueError, match="at the same place"):
        router.add_route(second, Things())
