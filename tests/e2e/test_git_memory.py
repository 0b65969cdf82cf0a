"""Repositories that are small and pretend to be large take little memory of the server and of its git."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest
from cictl_testing.bombs import make_delta_bomb, make_many_branches, make_tree_bomb
from cictl_testing.files import make_repository
from cictl_testing.processes import Workplace
from cictl_testing.servers.git_server import GitServer

MIB = 1 << 20
PROJECT = "version: 1\nproject: {name: NAME}\npipelines: [{id: p, vcs_source: {repo: self}, jobs: [{id: j, steps: [{run: x}]}]}]\n"


class Memory:
    """The most that a server and all its children together have had, beyond what a quiet server has."""

    def __init__(self, place: Workplace) -> None:
        self._server = psutil.Process(place.server.process.pid)
        self._quiet = self._server.memory_info().rss
        self._over = threading.Event()
        self.server = self.children = 0

    @contextmanager
    def watched(self) -> Iterator[None]:
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            with suppress(psutil.Error):
                self.server = max(self.server, self._server.memory_info().rss - self._quiet)
                self.children = max(self.children, sum(map(_resident, self._server.children(recursive=True))))


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has ended meanwhile
        return 0


@pytest.fixture
def memory(workplace: Workplace) -> Memory:
    """The memory of a server that has imported an ordinary project."""
    usual = make_repository(workplace.directory / "usual", {"cictl.yaml": PROJECT.replace("NAME", "usual")})
    workplace.ok("projects", "import", str(usual))
    return Memory(workplace)


@pytest.fixture
def served(workplace: Workplace) -> Iterator[GitServer]:
    """A git server that does not filter: it sends the files of a commit along."""
    root = workplace.directory / "root"
    root.mkdir()
    server = GitServer(root)
    yield server
    server.close()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["path", "http"])
def test_a_few_bytes_that_stand_for_a_huge_file(
    workplace: Workplace, memory: Memory, served: GitServer, way: str
) -> None:
    bomb = make_delta_bomb(workplace.directory / "bomb", size=700 * MIB)
    served.publish(bomb, "bomb")
    packed = sum(file.stat().st_size for file in bomb.rglob("*") if file.is_file())
    with memory.watched():
        ran = workplace.cictl("projects", "import", str(bomb) if way == "path" else f"{served.url_with_login}/bomb.git")
    assert ran.returncode == 1
    assert "has an object that takes more than 384 MiB of memory" in ran.stderr
    assert packed < MIB
    assert memory.children < 384 * MIB
    assert memory.server < 32 * MIB


@pytest.mark.slow
def test_a_few_trees_that_list_many_icons(workplace: Workplace, memory: Memory) -> None:
    bomb = make_tree_bomb(workplace.directory / "bomb", PROJECT.replace("NAME", "bomb"))
    with memory.watched():
        workplace.ok("projects", "import", str(bomb))
    assert memory.server < 32 * MIB


@pytest.mark.slow
def test_a_list_of_branches_without_an_end(workplace: Workplace, memory: Memory) -> None:
    many = make_many_branches(workplace.directory / "many", PROJECT.replace("NAME", "many"), count=200_000)
    workplace.ok("projects", "import", "--ref", "main", str(many))
    with memory.watched():
        ran = workplace.cictl("pipelines", "source-refs", "many/p")
    assert ran.returncode == 1
    assert "lists more than 8 MiB of refs" in ran.stderr
    assert memory.server < 32 * MIB
