"""What is remembered of a project's refs, and what that costs."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer

from cictl_server.services.projects.lookup import get_project
from cictl_server.services.projects.ref_lists import RefList
from cictl_server.services.projects.seen_refs import SeenRefs, SeenRefsChange
from cictl_server.store.contract import Transaction

PIPELINES = "pipelines: [{id: p, jobs: [{id: j, steps: [{run: x}]}]}]"


def listed(commits: dict[str, str]) -> RefList:
    return RefList([f"{commit}\t{name}" for name, commit in commits.items()])


def look(server: RunningServer, commits: dict[str, str], changed: dict[str, str]) -> None:
    """Note a look that found *changed*, and the list *commits*."""

    def note(tx: Transaction) -> None:
        seen = SeenRefsChange(tx, get_project(tx, 1))
        seen.note(changed)
        seen.close(listed(commits))

    server.store.write(note)


def known(server: RunningServer) -> tuple[dict[str, str], str]:
    with server.store.read() as view:
        seen = SeenRefs(view, get_project(view, 1))
        return seen.all(), seen.digest


def settings(server: RunningServer) -> dict[str, str]:
    with server.store.read() as view:
        return {row.key: row.value for row in view.settings.iter_all() if row.key.startswith("seen_refs/1")}


@pytest.fixture
def refs() -> dict[str, str]:
    return {f"refs/heads/team-{number % 40}/branch-{number}": f"{number:040x}" for number in range(50_000)}


def test_one_push_among_fifty_thousand_refs_writes_little(server: RunningServer, refs: dict[str, str]) -> None:
    server.define_project(PIPELINES)
    look(server, refs, refs)
    assert known(server) == (refs, listed(refs).digest)
    before = settings(server)
    moved = {"refs/heads/team-7/branch-7": "f" * 40}
    look(server, refs | moved, moved)
    assert known(server) == (refs | moved, listed(refs | moved).digest)
    written = sum(len(text) for key, text in settings(server).items() if before.get(key) != text)
    assert written < sum(map(len, before.values())) / 100


def test_refs_that_are_gone_are_forgotten(server: RunningServer) -> None:
    server.define_project(PIPELINES)
    look(server, {"refs/heads/a": "a" * 40}, {"refs/heads/a": "a" * 40, "refs/heads/b": "b" * 40})
    assert known(server)[1] == ""
    look(server, {"refs/heads/a": "a" * 40}, {"refs/heads/b": ""})
    assert known(server) == ({"refs/heads/a": "a" * 40}, listed({"refs/heads/a": "a" * 40}).digest)


def test_names_may_have_what_looks_like_an_end_of_a_line(server: RunningServer) -> None:
    server.define_project(PIPELINES)
    odd = {"refs/heads/a\u2028b": "a" * 40, "refs/heads/c\x85d": "c" * 40}
    look(server, odd, odd)
    assert known(server)[0] == odd


def test_what_a_tag_object_tags_counts() -> None:
    refs = RefList(
        [
            "ref: refs/heads/trunk\tHEAD",
            f"{'1' * 40}\tHEAD",
            f"{'1' * 40}\trefs/heads/trunk",
            f"{'2' * 40}\trefs/tags/v1",
            f"{'1' * 40}\trefs/tags/v1^{{}}",
        ]
    )
    assert refs.commits == {"refs/heads/trunk": "1" * 40, "refs/tags/v1": "1" * 40}
    assert refs.default_branch == "trunk"
    assert [refs.full_name(ref) for ref in ("trunk", "v1", "refs/heads/trunk", "gone", "1" * 40)] == [
        "refs/heads/trunk",
        "refs/tags/v1",
        "refs/heads/trunk",
        "",
        "",
    ]
