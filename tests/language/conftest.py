"""The workflows of known projects: each a folder that becomes a repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cictl import project_file

PROJECTS = Path(__file__).parent / "projects"

Read = Callable[[str], project_file.ProjectFile]


def _read(name: str) -> project_file.ProjectFile:
    folder = PROJECTS / name
    text = (folder / "cictl.yaml").read_bytes()
    return project_file.parse(text, config_file="cictl.yaml", read_file=lambda path: (folder / path).read_bytes())


@pytest.fixture(scope="session")
def read_project() -> Read:
    """Return a verb that reads the file of a project by its name, and what it includes."""
    return _read
