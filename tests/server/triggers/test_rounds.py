"""When a server looks at which project, and what it does about remotes that fail."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cictl_testing.origins import Origin, import_project
from cictl_testing.server import RunningServer

from cictl_server.services.projects.looks import Look
from cictl_server.services.triggers.lanes import Lanes, host_of
from cictl_server.store.contract import Transaction
from cictl_server.store.records.projects import ProjectRecord

FILE = """\
version: 1
project: {name: shop}
pipelines: [{id: build, trigger: vcs, vcs_source: {repo: self}, jobs: [{id: j, steps: [{run: x}]}]}]
"""


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path / "git")
    made.commit({"cictl.yaml": FILE})
    return made


@pytest.fixture
def rounds(server: RunningServer) -> Iterator[RunningServer]:
    """A server whose rounds are ended before its store."""
    yield server
    server.services.triggers.own_places.close()
    server.services.triggers.rounds.close()


def pass_until_looked(server: RunningServer, project_id: int, *, failures: int = 0) -> Look:
    """Make passes, as a server does, until a look at a project has ended now, after so many that failed."""
    for _ in range(100):
        server.services.triggers.rounds.run_once()
        look = server.services.projects.looks.find(project_id)
        if look is not None and (look.begun, look.failures) == (server.clock(), failures):
            return look
    pytest.fail("there was no such look")


def test_a_push_is_found_at_the_next_poll(rounds: RunningServer, origin: Origin) -> None:
    import_project(rounds, origin.url)
    pass_until_looked(rounds, 1)
    origin.commit({"cictl.yaml": FILE, "more": "x"})
    rounds.clock.step(59)
    rounds.services.core.hub.publish("projects")
    rounds.services.triggers.rounds.run_once()
    assert rounds.get("/api/v1/runs").json["runs"] == []
    rounds.clock.step(1)
    pass_until_looked(rounds, 1)
    [run] = rounds.get("/api/v1/runs").json["runs"]
    assert (run["event"], run["pipeline"]) == ("push", "build")


def test_remotes_that_hang_delay_no_other(rounds: RunningServer, origin: Origin) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = f"git://127.0.0.1:{listener.getsockname()[1]}/x"
        rounds.store.write(lambda tx: _put_projects(tx, rounds, url, 20))
        project = import_project(rounds, origin.url)["project"]
        pass_until_looked(rounds, project)
        rounds.services.triggers.own_places.close()


def test_a_remote_that_fails_is_asked_less_and_less(rounds: RunningServer, origin: Origin) -> None:
    import_project(rounds, origin.url)
    origin.hide()
    waits = []
    for failures in (1, 2, 3, 4):
        look = pass_until_looked(rounds, 1, failures=failures)
        assert look.due is not None
        waits.append((look.due - rounds.clock()).total_seconds())
        rounds.clock.step(waits[-1])
    assert waits == [60, 120, 240, 300]


def test_a_server_that_does_not_poll_looks_once_after_an_import(rounds: RunningServer, origin: Origin) -> None:
    rounds.restart_with(poll_seconds=0)
    import_project(rounds, origin.url)
    pass_until_looked(rounds, 1)
    assert "next_look_utc" not in rounds.get("/api/v1/projects/1").json["project"]


def test_no_host_takes_all_places() -> None:
    go_on, lanes = threading.Event(), Lanes(on_free=lambda: None)

    def wait() -> None:
        go_on.wait(60)

    def begin(number: int, url: str, *, is_failing: bool = False) -> bool:
        return lanes.begin(number, url, is_failing=is_failing, look=wait)

    one = [begin(number, "https://one.example.test/x.git") for number in range(1, 8)]
    assert one == [True] * 6 + [False]
    assert [begin(number, f"git@{number}.example.test:x.git") for number in (11, 12, 13)] == [True, True, False]
    assert [begin(number, "/srv/x.git", is_failing=True) for number in (21, 22, 23)] == [True, True, False]
    assert not begin(11, "https://free.example.test/x.git")
    go_on.set()
    lanes.close()


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://user:word@Git.example.test:8443/x.git", "git.example.test"),
        ("git@git.example.test:team/x.git", "git.example.test"),
        ("git.example.test:x.git", "git.example.test"),
        ("/srv/git/x.git", ""),
        ("file:///srv/x.git", ""),
        ("./a/b:c", ""),
    ],
)
def test_the_host_of_a_repository(url: str, host: str) -> None:
    assert host_of(url) == host


def _put_projects(tx: Transaction, server: RunningServer, url: str, count: int) -> None:
    for _ in range(count):
        number = tx.projects.next_id()
        tx.projects.put(
            ProjectRecord(
                id=number,
                name=f"p{number}",
                identity=f"p{number}",
                repo_url=url,
                repo_ref="main",
                config_file="cictl.yaml",
                loaded_commit="",
                updated=server.clock(),
            )
        )
