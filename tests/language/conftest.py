"""Repositories whose project files use the language, and one server and agent that run them all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cictl_testing.agents.engine import StandInEngine
from cictl_testing.processes import Workplace

from cictl import project_file
from cictl_client import Client

HERE = Path(__file__).parent
PROJECTS = HERE / "projects"
MACHINE = HERE / "machine"
"""Programs that the agent's machine has."""

Read = Callable[[str], project_file.ProjectFile]


def _read(name: str) -> project_file.ProjectFile:
    folder = PROJECTS / name
    text = (folder / "cictl.yaml").read_bytes()
    return project_file.parse(text, config_file="cictl.yaml", read_file=lambda path: (folder / path).read_bytes())


@pytest.fixture(scope="session")
def read_project() -> Read:
    """Return a verb that reads the file of a project by its name, and what it includes."""
    return _read


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """A real server and an agent whose engine is a stand-in; tests that use it are in the group `language`."""
    directory = tmp_path_factory.mktemp("language")
    engine = StandInEngine(directory / "engine")
    path = os.pathsep.join((str(engine.bin_dir), str(MACHINE), os.environ["PATH"]))
    workplace = Workplace(directory, environment={"PATH": path})
    workplace.start_agent("a", "--slots", "2")
    yield workplace
    workplace.close()


@pytest.fixture(scope="session")
def client(place: Workplace) -> Iterator[Client]:
    """A client of the server."""
    with Client(place.url) as talking:
        yield talking
