"""A managed installation, of stubs or of real versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cictl_testing.installs.real_versions import real_versions
from cictl_testing.installs.stub_versions import OLD, Serving
from cictl_testing.installs.wheels import install_stub

from cictl.installation.layout import Layout

__all__ = ["real_versions"]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An empty installation."""
    (tmp_path / "home" / "versions").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    return Layout(tmp_path / "home", tmp_path / "data")


@pytest.fixture
def installed(layout: Layout) -> Layout:
    """An installation of OLD, a stub."""
    install_stub(layout, OLD)
    layout.switch(OLD)
    return layout


@pytest.fixture
def serving(installed: Layout) -> Iterator[Serving]:
    served = Serving(installed)
    yield served
    served.supervisor.stop()


@pytest.fixture
def states(installed: Layout) -> Callable[[], set[str]]:
    """The names of the files that wait, are worked on, or tell of an end."""
    return lambda: {path.name for path in installed.updates.glob("*.json")} - {"server.json"}
