"""cictl updates itself: real versions, a real agent at work, a real command that follows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.files import make_repository
from cictl_testing.installs.managed import LoneWorkplace, ManagedWorkplace
from cictl_testing.installs.real_versions import NEW, OLD, RealVersions
from cictl_testing.installs.wheels import stub_wheel
from cictl_testing.servers.release_server import ReleaseServer

from cictl.installation.layout import Layout
from cictl.installation.processes import announced

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("real versions"),
]


@pytest.fixture(scope="module")
def home(real_versions: RealVersions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An installation of OLD alone."""
    home = tmp_path_factory.mktemp("managed") / "home"
    real_versions.install(home, OLD)
    yield home
    shutil.rmtree(home)


@pytest.fixture
def releases() -> Iterator[ReleaseServer]:
    server = ReleaseServer()
    yield server
    server.close()


@pytest.fixture
def place(
    home: Path, real_versions: RealVersions, releases: ReleaseServer, tmp_path: Path
) -> Iterator[ManagedWorkplace]:
    """OLD serves."""
    made = ManagedWorkplace(tmp_path, with_old(home, tmp_path), {**releases.environment, **real_versions.settings})
    yield made
    made.close()


def with_old(home: Path, directory: Path) -> Layout:
    """Return the installation as if only OLD had ever run, with data in *directory*."""
    for name in ("current", "previous", "updater"):
        (home / name).unlink(missing_ok=True)
    layout = Layout(home, directory / "data")
    layout.switch(OLD)
    return layout


def status(place: ManagedWorkplace) -> dict[str, str]:
    found: dict[str, str] = json.loads(place.ok("update", "status", "-o", "json"))["status"]
    return found


def start_job(place: ManagedWorkplace) -> Path:
    """Define a job that writes a line and waits for a file; return the file."""
    gate = place.directory / "gate"
    repository = place.directory / "repository"
    step = f"echo first; while [ ! -e {gate} ]; do sleep 0.1; done; echo second"
    make_repository(
        repository,
        {
            "cictl.yaml": "version: 1\nproject: {name: shop}\npipelines:\n"
            f"  - id: build\n    vcs_source: {{repo: {repository}, ref: main}}\n"
            f"    jobs: [{{id: wait, steps: [{{run: '{step}'}}]}}]\n"
        },
    )
    place.ok("projects", "import", str(repository))
    return gate


@pytest.mark.weakness("U8", "U16")
def test_an_update_under_a_running_job_and_the_way_back(
    place: ManagedWorkplace, real_versions: RealVersions, releases: ReleaseServer
) -> None:
    """Nothing is lost: the job, its log, the command that follows it; and going back needs no network."""
    releases.publish(NEW, real_versions.release(NEW))
    place.start_agent()
    gate = start_job(place)
    run = place.background("run", "shop/build", "--follow")
    run.wait_for_line("first", is_whole=True)

    applied = place.cictl("update", "apply", "--yes")
    assert (applied.returncode, place.version) == (0, NEW), applied.stderr + "".join(place.updater.said)
    assert "1 running job will go on" in applied.stderr
    assert f"update successful: {NEW}" in applied.stderr
    gate.touch()
    run.wait_for_line("second", is_whole=True)
    assert run.wait() == 0
    [job] = json.loads(place.ok("jobs", "list", "-o", "json"))["job_executions"]
    assert job["status"] == "succeeded"
    log = place.ok("jobs", "logs", job["id"])
    assert [line for line in log.splitlines() if line in ("first", "second")] == ["first", "second"]
    assert status(place)["agent_update_target"] == NEW

    releases.close()
    returned = place.cictl("update", "rollback", "--yes")
    assert (returned.returncode, place.version) == (0, OLD), returned.stderr + "".join(place.updater.said)
    assert status(place)["update_rollback_versions"] == NEW
    assert place.ok("jobs", "logs", job["id"]) == log
    assert place.supervisor.starts == 3


@pytest.mark.weakness("U4")
@pytest.mark.parametrize(("tag", "flavour"), [("v91.2.0", "crashes"), ("v91.3.0", "wrong-version")])
def test_a_version_that_does_not_work_is_taken_back(
    place: ManagedWorkplace, releases: ReleaseServer, tmp_path: Path, tag: str, flavour: str
) -> None:
    wheel = stub_wheel(tmp_path / "built", tag, flavour)
    releases.publish(tag, {wheel.name: wheel.read_bytes()})
    place.updater.health_seconds = 20
    done = place.cictl("update", "apply", "--yes", "-o", "json")
    assert done.returncode == 1, done.stderr
    message = f"update to {tag} failed health check; rolled back to {OLD}"
    assert json.loads(done.stderr.splitlines()[-1])["error"]["message"].startswith(message)
    assert place.version == OLD
    found = status(place)
    assert (found["update_last_apply_status"], found["update_current_version"]) == ("failed", OLD)
    assert "agent_update_target" not in found
    assert tag not in found["update_rollback_versions"]


def test_a_version_that_says_itself_that_it_does_not_work_is_never_started(
    place: ManagedWorkplace, releases: ReleaseServer, tmp_path: Path
) -> None:
    wheel = stub_wheel(tmp_path / "built", "v91.4.0", "tells-another-version")
    releases.publish("v91.4.0", {wheel.name: wheel.read_bytes()})
    done = place.cictl("update", "apply", "--yes")
    assert done.returncode == 1
    assert "smoke test failed: v91.4.0 says that it is" in done.stderr
    assert (place.version, place.supervisor.starts) == (OLD, 1)


def test_without_a_service_manager_a_helper_replaces_the_server(
    home: Path, real_versions: RealVersions, releases: ReleaseServer, tmp_path: Path
) -> None:
    """It ends for its helper, which starts what is new, finds it broken, and starts the old version as it was started."""
    wheel = stub_wheel(tmp_path / "built", "v91.5.0", "crashes")
    releases.publish("v91.5.0", {wheel.name: wheel.read_bytes()})
    lone = LoneWorkplace(tmp_path, with_old(home, tmp_path), {**releases.environment, **real_versions.settings})
    try:
        first = announced(lone.layout)
        done = lone.cictl("update", "apply", "--yes")
        assert done.returncode == 1, done.stderr
        assert f"update to v91.5.0 failed health check; rolled back to {OLD}" in done.stderr
        assert (lone.version, lone.layout.current()) == (OLD, OLD)
        assert announced(lone.layout) not in (None, first)
    finally:
        lone.close()


def test_a_service_is_restarted_by_its_manager(place: ManagedWorkplace) -> None:
    done = place.cictl("server", "restart", "--wait", "--yes")
    assert done.returncode == 0, done.stderr
    assert "self-exit requested (cictl.service); it answers again" in done.stderr
    assert (place.version, place.supervisor.starts) == (OLD, 2)
