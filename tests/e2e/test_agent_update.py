"""A real agent updates itself: real versions, below a supervisor, at a scripted server's word."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cictl_testing.installs.real_versions import BUILD_SECONDS, NEW, OLD, RealVersions
from cictl_testing.installs.supervisor import Supervisor
from cictl_testing.ports import free_port
from cictl_testing.processes import eventually
from cictl_testing.servers.release_server import REPOSITORY, ReleaseServer
from cictl_testing.servers.scripted_server import ScriptedServer

from cictl.installation import manifest
from cictl.installation.health import probe
from cictl.installation.layout import Layout
from cictl.wire.agents import HeartbeatResponse
from cictl.wire.jobs import JobStatus
from cictl_agent.updating import Updater
from cictl_client import Client

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("real versions"),
]


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


@pytest.fixture(scope="module")
def home(real_versions: RealVersions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An installation of OLD and NEW."""
    home = tmp_path_factory.mktemp("managed") / "home"
    real_versions.install(home, OLD, NEW)
    yield home
    shutil.rmtree(home)


@pytest.fixture
def settings(real_versions: RealVersions) -> dict[str, str]:
    return {"CICTL_CONTAINER": "0", **real_versions.settings}


@pytest.fixture
def layout(home: Path, tmp_path: Path) -> Layout:
    """OLD is current, with a work directory of the test's own, and no test has found NEW broken."""
    for name in ("current", "previous", "updater"):
        (home / name).unlink(missing_ok=True)
    made = Layout(home, tmp_path / "work")
    made.clear_failed(NEW)
    made.switch(OLD)
    return made


@contextmanager
def running_agent(layout: Layout, url: str, settings: dict[str, str]) -> Iterator[Supervisor]:
    """An agent below a supervisor that passes for systemd."""
    environ = {**settings, "INVOCATION_ID": "x", "SYSTEMD_EXEC_PID": ""}
    arguments = ("run-agent", "--server", url, "--id", "a", "--work-dir", str(layout.data_dir))
    running = Supervisor(layout.current_script, *arguments, environ=environ)
    try:
        yield running
    finally:
        running.stop()


def test_agent_fetches_and_becomes_the_version_that_is_asked_for(
    server: ScriptedServer,
    releases: ReleaseServer,
    layout: Layout,
    real_versions: RealVersions,
    settings: dict[str, str],
) -> None:
    layout.remove(NEW)
    releases.publish(NEW, real_versions.release(NEW))
    with running_agent(layout, server.url, settings) as agent:
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
        eventually(lambda: server.heartbeats[-1].version == NEW, what="the new version", seconds=BUILD_SECONDS)
        eventually(lambda: manifest.find_applying(layout) is None, what="its confirmation")
        assert agent.starts == 2
    assert [heartbeat.update_failure for heartbeat in server.heartbeats if heartbeat.update_failure] == []
    assert (layout.current(), layout.previous()) == (NEW, OLD)


def test_admin_brings_an_agent_to_the_servers_version(layout: Layout, settings: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = ("serve", "--port", str(port), "--data-dir", str(tmp_path / "data"))
    serving = Supervisor(layout.script(NEW), *arguments, environ={"CICTL_UPDATE_REPO": REPOSITORY})
    client = Client(url)
    try:
        eventually(lambda: probe(url), what="the server")
        with running_agent(layout, url, settings):
            eventually(lambda: [a.version for a in client.list_agents()] == [OLD], what="the agent")
            assert client.agent_action("a", "update").requested
            eventually(lambda: client.get_agent("a").version == NEW, what="the new version")
            eventually(lambda: not client.get_agent("a").update_requested, what="the end of the rollout")
    finally:
        client.close()
        serving.stop()
    assert layout.current() == NEW


def test_a_version_that_ends_before_it_asks_for_anything_is_taken_back(
    layout: Layout, settings: dict[str, str]
) -> None:
    """Neither can read its token here; the new one is not started for ever."""
    Updater(version=OLD, layout=layout).switch(NEW)
    settings = {**settings, "CICTL_TOKEN_FILE": str(layout.home / "missing")}
    with running_agent(layout, "http://127.0.0.1:9", settings):
        result = eventually(lambda: manifest.read_result(layout), what="the version before")
    assert layout.current() == OLD
    assert result.message == f"update to {NEW} did not start; rolled back to {OLD}"
