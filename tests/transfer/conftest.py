"""A data directory with something of everything, and real servers of databases and files to copy it to."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cictl_testing.processes import cictl_command
from cictl_testing.servers.postgres import database_url, postgres
from cictl_testing.servers.seaweed import Seaweed, seaweed
from cictl_testing.stores.filled import Filled, fill_directory

__all__ = ["database_url", "postgres", "seaweed"]

Cictl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """One for all tests, which only read it."""
    return fill_directory(tmp_path_factory.mktemp("filled") / "data")


@pytest.fixture
def cictl(tmp_path: Path, seaweed: Seaweed) -> Cictl:
    """Run a command that reaches the bucket."""
    return cictl_command(tmp_path, seaweed.environment())


@pytest.fixture
def plain_cictl(tmp_path: Path) -> Cictl:
    """Run a command that needs no bucket."""
    return cictl_command(tmp_path, {})
