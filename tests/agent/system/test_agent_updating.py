"""An agent that updates itself; the versions are stand-ins that can check themselves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.agents.thread import AgentThread
from cictl_testing.installs.wheels import install_stub, stub_wheel
from cictl_testing.processes import eventually
from cictl_testing.servers.release_server import REPOSITORY, ReleaseServer
from cictl_testing.servers.scripted_server import FEATURES, ScriptedServer

from cictl.installation import manifest
from cictl.installation.capability import DEV, PIPX, UNMANAGED
from cictl.installation.layout import Layout
from cictl.wire.agents import HeartbeatResponse
from cictl.wire.jobs import JobStatus
from cictl.wire.words import NOT_A_SERVICE
from cictl_agent.system.service_managers import SystemdService
from cictl_agent.updating import UpdateFailed, Updater, WantedVersion, find_updater

OLD, NEW, NEWER, STRANGER, PICKY = "v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0", "v1.4.0"
FLAVOURS = {OLD: "good", NEW: "good", NEWER: "good", STRANGER: "tells-another-version", PICKY: "refuses-data"}
UPDATE = HeartbeatResponse(accepted=True, update_requested=True, update_target=NEW)
SERVICE = SystemdService("x.service")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An installation in which the old version runs, with an agent's work directory.

    The others are there already: a program that is written while another thread starts one can't be started for a moment.
    """
    made = Layout(tmp_path / "home", tmp_path / "work")
    for tag, flavour in FLAVOURS.items():
        install_stub(made, tag, flavour)
    made.switch(OLD)
    return made


@pytest.fixture
def releases() -> Iterator[ReleaseServer]:
    served = ReleaseServer()
    yield served
    served.close()


def updater_of(layout: Layout, version: str = OLD, *, health_seconds: float = 60, **environ: str) -> Updater:
    return Updater(version=version, layout=layout, environ=environ, health_seconds=health_seconds)


def update(updater: Updater, wanted: WantedVersion) -> None:
    updater.switch(updater.install(wanted))


def start(server: ScriptedServer, updater: Updater) -> AgentThread:
    assert updater.layout is not None
    return AgentThread(server, updater.layout.data_dir, updater=updater, service=SERVICE)


@pytest.fixture
def agent(server: ScriptedServer, layout: Layout) -> Iterator[AgentThread]:
    running = start(server, updater_of(layout))
    yield running
    running.stop()


def failures(server: ScriptedServer) -> list[str]:
    return [heartbeat.update_failure for heartbeat in server.heartbeats if heartbeat.update_failure]


def result_of(layout: Layout) -> tuple[str, str]:
    result = manifest.read_result(layout)
    assert result is not None
    return result.status, result.message


def test_managed_agent_offers_that_it_can_be_updated(server: ScriptedServer, agent: AgentThread) -> None:
    eventually(lambda: server.leases, what="a lease")
    assert server.leases[0].capabilities["updater"] == "cictl-wheel"
    assert server.heartbeats[0].version == OLD


@pytest.mark.weakness("U14")
@pytest.mark.usefixtures("_heard_before_the_end")
def test_idle_agent_switches_and_ends(server: ScriptedServer, layout: Layout, agent: AgentThread) -> None:
    server.orders.append(UPDATE)
    agent.join()
    assert (layout.current(), layout.previous(), layout.updater()) == (NEW, OLD, OLD)
    wanted = manifest.find_applying(layout)
    assert wanted is not None
    assert (wanted.from_version, wanted.target_version, wanted.starts) == (OLD, NEW, 0)
    assert "restart via systemd self-exit requested (x.service)" in [h.restart_status for h in server.heartbeats]


def test_update_waits_for_the_job_and_comes_after_wiping(
    server: ScriptedServer, layout: Layout, agent: AgentThread
) -> None:
    job_id = server.enqueue(script="echo ready; while [ ! -e ../../go ]; do sleep 0.02; done")
    server.begun(job_id, "ready")
    kept = agent.config.cache_dir / "deps"
    kept.mkdir(parents=True)
    server.orders += [UPDATE, HeartbeatResponse(accepted=True, wipe_cache_requested=True)]
    server.obeyed()
    assert layout.current() == OLD
    (agent.config.work_dir / "go").touch()
    agent.join()
    assert server.finished(job_id).status is JobStatus.SUCCEEDED
    assert layout.current() == NEW
    assert not kept.exists()


def test_newest_wish_counts(server: ScriptedServer, layout: Layout, agent: AgentThread) -> None:
    job_id = server.enqueue(script="echo ready; while [ ! -e ../../go ]; do sleep 0.02; done")
    server.begun(job_id, "ready")
    server.orders += [UPDATE, HeartbeatResponse(accepted=True, update_requested=True, update_target=NEWER)]
    server.obeyed()
    (agent.config.work_dir / "go").touch()
    agent.join()
    assert layout.current() == NEWER


def test_version_that_runs_already_is_no_update(server: ScriptedServer, layout: Layout, agent: AgentThread) -> None:
    server.orders.append(HeartbeatResponse(accepted=True, update_requested=True, update_target=OLD))
    server.finished(server.enqueue())
    server.obeyed()
    assert failures(server) == []
    assert manifest.find_applying(layout) is None


@pytest.mark.parametrize("target", [STRANGER, PICKY])
def test_version_that_does_not_pass_its_own_check_is_not_switched_to(
    server: ScriptedServer, layout: Layout, agent: AgentThread, target: str
) -> None:
    server.orders.append(HeartbeatResponse(accepted=True, update_requested=True, update_target=target))
    [failure] = eventually(lambda: failures(server), what="the failure")
    assert failure.startswith(f"smoke test failed: {target} ")
    assert (layout.current(), manifest.find_applying(layout)) == (OLD, None)
    assert server.finished(server.enqueue()).status is JobStatus.SUCCEEDED


def test_restart_is_not_forgotten_over_an_update_that_fails(
    server: ScriptedServer, layout: Layout, agent: AgentThread
) -> None:
    server.orders.append(
        HeartbeatResponse(accepted=True, update_requested=True, update_target=PICKY, restart_requested=True)
    )
    agent.join()
    assert layout.current() == OLD


def test_new_version_stays_once_a_heartbeat_was_accepted(server: ScriptedServer, layout: Layout) -> None:
    update(updater_of(layout), WantedVersion(target=NEW))
    agent = start(server, updater_of(layout, NEW))
    eventually(lambda: manifest.find_applying(layout) is None, what="the confirmation")
    agent.stop()
    assert result_of(layout) == ("success", f"update successful: {NEW}, confirmed at startup")
    assert layout.current() == NEW
    assert failures(server) == []


def test_new_version_without_an_accepted_heartbeat_is_started_three_times_and_then_given_up(
    server: ScriptedServer, layout: Layout
) -> None:
    update(updater_of(layout), WantedVersion(target=NEW))
    server.fail_next("heartbeat", times=1000)
    for _ in range(3):
        updater = updater_of(layout, NEW, health_seconds=0.2)
        assert updater.begin() == ""
        start(server, updater).join()
        assert layout.current() == NEW
    assert updater_of(layout, NEW).begin() == f"update to {NEW} did not start; rolled back to {OLD}"
    assert layout.current() == OLD
    assert layout.has_failed(NEW)


def test_version_before_tells_once_why_the_new_one_did_not_stay(server: ScriptedServer, layout: Layout) -> None:
    update(updater_of(layout), WantedVersion(target=NEW))
    for _ in range(4):
        updater_of(layout, NEW).begin()
    for _ in range(2):
        before = len(server.heartbeats)
        agent = start(server, updater_of(layout))
        eventually(lambda n=before: len(server.heartbeats) > n + 2, what="heartbeats")  # type: ignore[misc]
        agent.stop()
    assert failures(server) == [f"update to {NEW} did not start; rolled back to {OLD}"]


def test_agent_that_was_killed_before_the_switch_says_that_nothing_came_of_it(
    server: ScriptedServer, layout: Layout
) -> None:
    update(updater_of(layout), WantedVersion(target=NEW))
    layout.switch(OLD)
    agent = start(server, updater_of(layout))
    [failure] = eventually(lambda: failures(server), what="the failure")
    agent.stop()
    assert failure == f"update to {NEW} did not complete"


def test_version_is_fetched_and_installed(layout: Layout, releases: ReleaseServer, tmp_path: Path) -> None:
    fetched = "v1.9.0"
    wheel = stub_wheel(tmp_path / "wheels", fetched)
    releases.publish(fetched, {wheel.name: wheel.read_bytes()})
    updater = updater_of(layout, CICTL_UPDATE_INDEX_URL="none")
    update(updater, WantedVersion(target=fetched, repository=REPOSITORY, api_base=releases.url))
    record = layout.record(fetched)
    assert record is not None
    assert record.wheel == wheel.name
    assert layout.current() == fetched


@pytest.mark.parametrize(
    ("target", "error"),
    [
        pytest.param("v9.9.9", "request release for tag v9.9.9|query failed", id="no-release"),
        pytest.param("latest", "not a version to update to: 'latest'", id="no-version"),
    ],
)
def test_version_that_cannot_be_had(layout: Layout, releases: ReleaseServer, target: str, error: str) -> None:
    with pytest.raises(UpdateFailed, match=error):
        update(updater_of(layout), WantedVersion(target=target, repository=REPOSITORY, api_base=releases.url))
    assert (layout.current(), manifest.find_applying(layout)) == (OLD, None)


@pytest.mark.parametrize("is_own", [True, False])
def test_token_goes_to_the_agents_own_source_only(layout: Layout, releases: ReleaseServer, is_own: bool) -> None:
    environ = {"CICTL_GITHUB_TOKEN": "t0ken", **({"CICTL_UPDATE_API_BASE": releases.url} if is_own else {})}
    with pytest.raises(UpdateFailed):
        update(
            Updater(version=OLD, layout=layout, environ=environ),
            WantedVersion(target="v1.9.0", repository=REPOSITORY, api_base=releases.url + "/"),
        )
    assert ["authorization" in seen.headers for seen in releases.seen] == [is_own]


def test_order_that_comes_while_the_start_is_settled_waits_for_that(layout: Layout) -> None:
    lock = layout.lock()
    lock.acquire()
    threading.Timer(0.2, lock.release).start()
    update(updater_of(layout), WantedVersion(target=NEW))
    assert layout.current() == NEW


def test_second_update_at_once_is_refused(layout: Layout) -> None:
    updater = Updater(version=OLD, layout=layout, lock_seconds=0.1)
    with layout.lock().acquire(), pytest.raises(UpdateFailed, match="update already in progress"):
        update(updater, WantedVersion(target=NEW))


@pytest.mark.parametrize(
    ("is_service", "version", "refusal"),
    [
        pytest.param(True, OLD, "", id="managed-service"),
        pytest.param(False, OLD, NOT_A_SERVICE, id="by-hand"),
        pytest.param(False, "dev", NOT_A_SERVICE, id="by-hand-from-source"),
        pytest.param(True, "dev", DEV, id="from-source"),
    ],
)
def test_what_it_takes_to_be_updated(layout: Layout, is_service: bool, version: str, refusal: str) -> None:
    found = find_updater(
        {"CICTL_CONTAINER": "0", "INVOCATION_ID": "x", "CICTL_UPDATE_HEALTH_TIMEOUT": "7"},
        service=SERVICE if is_service else None,
        version=version,
        prefix=layout.folder(OLD),
        work_dir=layout.data_dir,
    )
    assert (found.refusal, found.health_seconds) == (refusal, 7)
    assert found.capability == ({} if refusal else {"updater": "cictl-wheel"})


@pytest.mark.parametrize(("mark", "refusal"), [("pipx_metadata.json", PIPX), ("pyvenv.cfg", UNMANAGED)])
def test_environment_of_other_tools_is_left_to_them(tmp_path: Path, mark: str, refusal: str) -> None:
    (tmp_path / mark).touch()
    found = find_updater({"CICTL_CONTAINER": "0"}, service=SERVICE, version=OLD, prefix=tmp_path, work_dir=tmp_path)
    assert found.refusal == refusal
    with pytest.raises(UpdateFailed, match=refusal.partition("(")[0]):
        update(found, WantedVersion(target=NEW))


def test_agent_that_cannot_be_updated_says_why(server: ScriptedServer, tmp_path: Path) -> None:
    agent = AgentThread(server, tmp_path / "work", updater=Updater(version=OLD, refusal=UNMANAGED), service=SERVICE)
    server.orders.append(UPDATE)
    assert eventually(lambda: failures(server), what="the answer") == [UNMANAGED]
    eventually(lambda: server.leases, what="a lease")
    agent.stop()
    assert "updater" not in server.leases[0].capabilities


def test_job_that_comes_while_a_version_is_installed_does_not_wait_for_that(
    server: ScriptedServer, layout: Layout, agent: AgentThread, releases: ReleaseServer, tmp_path: Path
) -> None:
    wheel = stub_wheel(tmp_path / "wheels", "v1.9.0")
    releases.publish("v1.9.0", {wheel.name: wheel.read_bytes()})
    releases.gate.clear()
    server.orders.append(
        HeartbeatResponse(
            accepted=True,
            update_requested=True,
            update_target="v1.9.0",
            update_repository=REPOSITORY,
            update_api_base=releases.url,
        )
    )
    eventually(lambda: any("/assets/" in path for path in releases.paths()), what="the download")
    first = server.finished(server.enqueue())
    held = server.enqueue(script="echo ready; while [ ! -e ../../go ]; do sleep 0.02; done")
    server.begun(held, "ready")
    releases.gate.set()
    eventually(lambda: layout.record("v1.9.0"), what="the version")
    assert (first.status, layout.current()) == (JobStatus.SUCCEEDED, OLD)
    (agent.config.work_dir / "go").touch()
    agent.join()
    assert server.finished(held).status is JobStatus.SUCCEEDED
    assert layout.current() == "v1.9.0"


def test_agent_with_several_slots_installs_beside_its_jobs_and_begins_no_other(layout: Layout) -> None:
    server = ScriptedServer(features=(*FEATURES, "slots"))
    agent = AgentThread(server, layout.data_dir, updater=updater_of(layout), service=SERVICE, slots=2)
    held = server.enqueue(script="echo ready; while [ ! -e ../../go ]; do sleep 0.02; done")
    server.begun(held, "ready")
    server.orders.append(UPDATE)
    eventually(lambda: server.heartbeats[-1].draining, what="the news that it is installed")
    assert layout.current() == OLD
    (agent.config.work_dir / "go").touch()
    agent.join()
    assert server.finished(held).status is JobStatus.SUCCEEDED
    assert layout.current() == NEW
    server.close()


def test_version_on_trial_is_not_updated(
    layout: Layout, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cictl_agent.updating.Updater.confirm", lambda self: None)
    update(updater_of(layout), WantedVersion(target=NEW))
    server.orders.append(HeartbeatResponse(accepted=True, update_requested=True, update_target=NEWER))
    agent = start(server, updater_of(layout, NEW))
    eventually(lambda: len(server.heartbeats) > 2, what="heartbeats after the order")
    agent.stop()
    assert layout.current() == NEW
    assert failures(server) == []
