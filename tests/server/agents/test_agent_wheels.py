"""Who is asked to update where the releases are wheels: an agent of the reference could do nothing with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer

from cictl.installation.releases.settings import ReleaseSettings
from cictl_server.services.updates.tools import UpdateTools
from cictl_server.store.records.settings import SettingRecord

ABLE = {"updater": "cictl-wheel", "run_mode": "service"}
REFERENCE = {"run_mode": "service"}
BY_HAND = {"run_mode": "manual"}


def start(directory: Path, **environ: str) -> RunningServer:
    tools = UpdateTools.from_environment(environ, version="1.2.3", data_dir=directory)
    server = RunningServer(directory, update_tools=tools)
    server.store.write(lambda tx: tx.settings.put(SettingRecord(key="agent_update_target", value="2.0.0")))
    return server


@pytest.fixture
def wheels(tmp_path: Path) -> Iterator[RunningServer]:
    server = start(tmp_path, CICTL_UPDATE_REPO="shop/cictl")
    yield server
    server.close()


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[RunningServer]:
    server = start(tmp_path, CIWI_UPDATE_REPO="izzyreal/ciwi")
    yield server
    server.close()


def asked(server: RunningServer, capabilities: dict[str, str]) -> bool:
    """Tell whether an idle agent is asked once its turn has come."""
    server.heartbeat(version="1.0.0", capabilities=capabilities)
    server.clock.step(10)
    return server.heartbeat(version="1.0.0", capabilities=capabilities).update_requested


@pytest.mark.parametrize(("capabilities", "expected"), [(ABLE, True), (REFERENCE, False), (BY_HAND, False)])
def test_wheels_are_for_those_who_can_install_them(
    wheels: RunningServer, capabilities: dict[str, str], expected: bool
) -> None:
    assert asked(wheels, capabilities) is expected


@pytest.mark.parametrize(("capabilities", "expected"), [(ABLE, False), (REFERENCE, True), (BY_HAND, True)])
def test_programs_of_the_reference_are_for_its_agents(
    programs: RunningServer, capabilities: dict[str, str], expected: bool
) -> None:
    assert asked(programs, capabilities) is expected


def test_admin_hears_at_once_that_an_agent_cannot_update_itself(wheels: RunningServer) -> None:
    wheels.heartbeat(version="1.0.0", capabilities=REFERENCE)
    answer = wheels.post("/api/v1/agents/a/actions", {"action": "update"}, headers={"Accept": "application/json"})
    assert answer.status_code == 400
    assert "agent can't update itself" in answer.text
    assert not asked(wheels, REFERENCE)


def test_agent_that_became_unable_is_not_asked_any_more(wheels: RunningServer) -> None:
    wheels.heartbeat(version="1.0.0", capabilities=ABLE)
    assert wheels.post("/api/v1/agents/a/actions", {"action": "update"}).json["requested"] is True
    assert not asked(wheels, BY_HAND)


def test_agents_that_were_started_by_hand_are_named_although_they_are_not_asked(wheels: RunningServer) -> None:
    for agent_id, capabilities in {"a": ABLE, "b": BY_HAND, "c": REFERENCE}.items():
        wheels.heartbeat(agent_id, version="1.0.0", capabilities=capabilities)
    status = wheels.get("/api/v1/update/status").json["status"]
    assert status["update_agent_non_service_agents"] == "b"


def test_releases_of_an_index_are_wheels_whatever_the_repository_is_called() -> None:
    assert ReleaseSettings(source="simple", repository="izzyreal/ciwi").has_wheels
    assert not ReleaseSettings(repository="izzyreal/ciwi").has_wheels
