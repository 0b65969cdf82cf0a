"""An agent, as a process of its own, for each real engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cictl_testing.engines.real import DEMANDED, NAMES, RealEngine, Unavailable
from cictl_testing.engines.site import Site, start_agent
from cictl_testing.servers.scripted_server import ScriptedServer


@pytest.fixture(scope="session", params=NAMES)
def engine(request: pytest.FixtureRequest) -> Iterator[RealEngine]:
    """One of docker and podman. Where it does not run, the test is skipped, unless the engine is demanded."""
    try:
        running = RealEngine(request.param)
    except Unavailable as why:
        if request.param in DEMANDED:
            raise
        pytest.skip(f"no {request.param} here: {why}")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def site(engine: RealEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all tests of a module; each leaves it without a job."""
    server, work_dir = ScriptedServer(), tmp_path_factory.mktemp("site")
    place = Site(engine=engine, server=server, work_dir=work_dir, agent=start_agent(engine, server, work_dir))
    yield place
    place.agent.stop()
    place.server.close()
    assert engine.containers == []
