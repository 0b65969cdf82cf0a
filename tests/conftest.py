"""What holds for all tests: byte code is kept, Ctrl-C works, and what takes long is begun first."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import re
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from unittest import mock

import pytest
from cictl_testing.forks.forked import FRESH
from cictl_testing.servers.whole import kind_tested
from hypothesis import HealthCheck, settings

pytest_plugins = ["cictl_testing.clean_checkout"]

# Tests start a thousand processes. Without kept byte code each would compile all modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Whatever is installed, waitress answers unless granian is tested: `kind_tested`. Servers of their own processes are told by this.
os.environ["CICTL_SERVER_KIND"] = kind_tested()

# A worker of pytest-xdist ignores Ctrl-C, and whatever it starts would too.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long one example takes says nothing where a process may have to wait for its turn longer than Hypothesis allows.
# And each run tries the same examples: what a change is judged by is not drawn by lot.
settings.register_profile(
    "shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True, database=None
)
settings.load_profile("shared machine")

_SLOW_SECONDS = 900

_HURRIED = {"agent", "cli", "fuzz", "server"}
"""Folders whose tests ask nothing of the disk; what is durable is tested in `store`, `installation` and `e2e`."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin what takes long first, so that no worker has to be waited for in the end; groups begin before all others.

    What takes long is also given longer than others before it counts as hanging: a loaded machine makes minutes of it.
    """
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_SLOW_SECONDS))
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the collector of garbage never look at the tests themselves: they stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def _no_loop_of_others(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hide the event loop that a browser leaves running in this thread from tests without one, for which it would be theirs."""
    loop = asyncio._get_running_loop()
    if loop is None or "browser" in request.fixturenames:
        yield
        return
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(loop)


@pytest.fixture(autouse=True)
def _no_wait_for_the_disk(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let this process write without waiting for the disk, where nobody looks at that."""
    if Path(request.path).relative_to(Path(__file__).parent).parts[0] not in _HURRIED:
        yield
        return
    with mock.patch.object(os, "fsync", _return_at_once):
        yield


def _return_at_once(_: int) -> None:
    pass


_NUMBERS = itertools.count()


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a new folder. Before pytest's own fixture makes one it looks through those of all tests before."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    folder = tmp_path_factory.getbasetemp() / f"{name}{next(_NUMBERS)}"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def fresh_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each process of cictl be a new interpreter, whose command line and environment Linux shows."""
    monkeypatch.setenv(FRESH, "1")
