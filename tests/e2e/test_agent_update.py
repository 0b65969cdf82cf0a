"""A real agent updates itself: real versions, below a supervisor, at a scripted server's word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.processes import eventually
from cictl_testing.release_server import REPOSITORY, ReleaseServer
from cictl_testing.scripted_server import ScriptedServer
from cictl_testing.supervisor import Supervisor
from cictl_testing.wheels import package_version, real_wheel, repack_dependencies, sha256_of

from cictl.installation import manifest
from cictl.installation.layout import Layout
from cictl.installation.releases import Fetched
from cictl.installation.staging import PipSettings, stage
from cictl.wire.agents import HeartbeatResponse
from cictl.wire.jobs import JobStatus

OLD, NEW = "v91.0.0", "v91.1.0-rc.1"

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer()
    yield scripted
    scripted.close()


@pytest.fixture
def releases() -> Iterator[ReleaseServer]:
    served = ReleaseServer()
    yield served
    served.close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return repack_dependencies(tmp_path / "links")


@pytest.fixture
def layout(tmp_path: Path, lock: Path) -> Layout:
    """An installation of the old version."""
    made = Layout(tmp_path / "home", tmp_path / "work")
    made.home.mkdir()
    wheel = real_wheel(tmp_path / "built", OLD)
    pip = PipSettings(index_url="none", find_links=str(tmp_path / "links"))
    stage(made, Fetched(wheel, sha256_of(wheel), lock), OLD, pip=pip)
    made.switch(OLD)
    return made


@pytest.fixture
def agent(server: ScriptedServer, layout: Layout, tmp_path: Path) -> Iterator[Supervisor]:
    environ = {
        "CICTL_CONTAINER": "0",
        "CICTL_UPDATE_INDEX_URL": "none",
        "CICTL_UPDATE_FIND_LINKS": str(tmp_path / "links"),
        "INVOCATION_ID": "x",
        "SYSTEMD_EXEC_PID": "",
    }
    arguments = ("run-agent", "--server", server.url, "--id", "a", "--work-dir", str(layout.data_dir))
    running = Supervisor(layout.current_script, *arguments, environ=environ)
    yield running
    running.stop()


def test_agent_becomes_the_version_that_is_asked_for(
    server: ScriptedServer, releases: ReleaseServer, layout: Layout, lock: Path, agent: Supervisor, tmp_path: Path
) -> None:
    wheel = real_wheel(tmp_path / "built", NEW)
    requirements = f"cictl-{package_version(NEW)}-requirements.txt"
    releases.publish(NEW, {wheel.name: wheel.read_bytes(), requirements: lock.read_bytes()})
    assert server.finished(server.enqueue()).status is JobStatus.SUCCEEDED
    assert (server.heartbeats[0].version, server.heartbeats[0].capabilities["updater"]) == (OLD, "cictl-wheel")

    server.orders.append(
        HeartbeatResponse(
            accepted=True,
            update_requested=True,
            update_target=NEW,
            update_repository=REPOSITORY,
            update_api_base=releases.url,
        )
    )
    eventually(lambda: server.heartbeats[-1].version == NEW, what="the new version")
    eventually(lambda: manifest.find_applying(layout) is None, what="its confirmation")

    assert [heartbeat.update_failure for heartbeat in server.heartbeats if heartbeat.update_failure] == []
    assert (layout.current(), layout.previous(), agent.starts) == (NEW, OLD, 2)
