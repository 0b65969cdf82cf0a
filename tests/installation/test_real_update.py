"""cictl itself, built as two versions, installed with all it needs, and updated while it serves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cictl_testing.installs.real_versions import NEW, OLD, RealVersions
from cictl_testing.installs.supervisor import Supervisor
from cictl_testing.ports import free_port
from cictl_testing.processes import DEADLINE_SECONDS, eventually

from cictl.base.clock import utc_now
from cictl.installation import manifest
from cictl.installation.activation import start_helper
from cictl.installation.health import HealthyServer, probe
from cictl.installation.layout import Layout
from cictl.installation.manifest import Result
from cictl.installation.processes import announced, end
from cictl.installation.smoke import SmokeError, smoke
from cictl.wire.admin.access import TokenRequest
from cictl_client import Client

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("real versions"),
    pytest.mark.timeout(600),  # virtual environments are built, on machines with other work too
]


@pytest.fixture(scope="module")
def built(real_versions: RealVersions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An installation of both versions, none of them current."""
    home = tmp_path_factory.mktemp("real") / "home"
    real_versions.install(home, OLD, NEW)
    yield home
    shutil.rmtree(home)


@pytest.fixture
def layout(built: Path, tmp_path: Path) -> Layout:
    """OLD is current, nothing is in the data directory."""
    for name in ("current", "previous", "updater"):
        (built / name).unlink(missing_ok=True)
    found = Layout(built, tmp_path / "data")
    found.switch(OLD)
    return found


@pytest.fixture
def port() -> int:
    return free_port()


def serve_arguments(layout: Layout, port: int) -> list[str]:
    return ["serve", "--port", str(port), "--data-dir", str(layout.data_dir)]


def wait_for(layout: Layout, port: int, version: str) -> HealthyServer:
    def look() -> HealthyServer | None:
        answer = probe(f"http://127.0.0.1:{port}", updates=layout.updates)
        return answer if answer and answer.version == version else None

    return eventually(look, what=f"{version} to serve")


def ask_for_new(layout: Layout, port: int, *, argv: list[str] | None = None, pid: int = 0) -> manifest.Pending:
    wanted = manifest.new_pending(
        layout,
        NEW,
        from_version=OLD,
        rollback=False,
        now=utc_now(),
        lifetime=timedelta(minutes=5),
        health_url=f"http://127.0.0.1:{port}",
        argv=argv,
        pid=pid,
    )
    manifest.request(layout, wanted)
    return wanted


def result_of(layout: Layout) -> Result | None:
    """Return how the update ended, None while it has not."""
    result = manifest.read_result(layout)
    return result if result and result.status in ("success", "failed") else None


def test_an_update_below_a_service_manager_of_a_server_that_wants_tokens(layout: Layout, port: int) -> None:
    supervisor = Supervisor(layout.current_script, *serve_arguments(layout, port))
    try:
        before = wait_for(layout, port, OLD)
        with Client(f"http://127.0.0.1:{port}") as client:
            client.create_token(TokenRequest(name="root", role="admin"))
        assert probe(f"http://127.0.0.1:{port}") is None, "strangers are not told the version"
        smoke(layout, NEW, layout.data_dir)
        ask_for_new(layout, port)
        updater = layout.home / "updater" / "bin" / "cictl"
        command = [str(updater), "apply-staged-update", "--home", str(layout.home), "--data-dir", str(layout.data_dir)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)
        assert (done.returncode, done.stderr.splitlines()[-1]) == (0, f"update successful: {NEW}")
        after = wait_for(layout, port, NEW)
        assert (layout.current(), layout.previous()) == (NEW, OLD)
        assert before.instance_id != after.instance_id
        assert supervisor.starts == 2
    finally:
        supervisor.stop()


def test_an_update_without_a_service_manager(layout: Layout, port: int) -> None:
    arguments = serve_arguments(layout, port)
    server = subprocess.Popen([layout.current_script, *arguments], stdin=subprocess.DEVNULL)
    wait_for(layout, port, OLD)
    helper = start_helper(layout, ask_for_new(layout, port, argv=arguments, pid=server.pid))
    try:
        server.terminate()
        assert server.wait(timeout=DEADLINE_SECONDS) == 0
        result = eventually(lambda: result_of(layout), what="the end of the update")
        assert (result.status, result.message) == ("success", f"update successful: {NEW}")
        assert helper.wait(timeout=DEADLINE_SECONDS) == 0
        wait_for(layout, port, NEW)
    finally:
        for process in (server, helper):
            process.kill()
            process.wait()
        if running := announced(layout):
            end(running, seconds=DEADLINE_SECONDS)


def test_a_version_refuses_data_of_a_newer_one(layout: Layout) -> None:
    layout.data_dir.mkdir()
    (layout.data_dir / "state.json").write_text('{"_cictl": {"1": {"schema": 99, "sequence": 1, "last_ids": {}}}}')
    with pytest.raises(SmokeError, match=f"smoke test failed: {OLD} cannot open database schema 99"):
        smoke(layout, OLD, layout.data_dir)
    assert layout.is_complete(OLD)


def test_the_check_changes_nothing_of_the_data(layout: Layout) -> None:
    layout.data_dir.mkdir()
    smoke(layout, OLD, layout.data_dir)
    assert [path.name for path in layout.data_dir.iterdir()] == ["updates"]


def test_staging_a_version_that_is_here_needs_no_network(layout: Layout) -> None:
    command = [str(layout.current_script), "stage", NEW, "--data-dir", str(layout.data_dir), "-o", "json"]
    environ = {**os.environ, "CICTL_UPDATE_API_BASE": "http://127.0.0.1:9"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)
    assert (done.returncode, done.stderr) == (0, f"{NEW} is staged in {layout.folder(NEW)}\n")
    assert json.loads(done.stdout)["was_reused"] is True
