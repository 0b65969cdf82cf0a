"""`POST server/restart`: how the server comes back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.installs.updatable import Updatable
from cictl_testing.processes import Workplace, eventually
from msgspec.structs import replace

from cictl_client import Client, ClientError

RESTART = "/api/v1/server/restart"
MANAGER = {"linux": "systemd", "darwin": "launchd"}.get(sys.platform, "service")


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Updatable]:
    made = Updatable.create(tmp_path)
    yield made
    made.close()


@pytest.mark.weakness("R1")
def test_a_service_ends_and_its_manager_starts_it_again(it: Updatable) -> None:
    answer = it.server.post(RESTART)
    message = f"restart via {MANAGER} self-exit requested (cictl.service)"
    assert (answer.status_code, answer.json) == (200, {"restarting": True, "message": message})
    assert (it.left, it.restarted) == (1, 0)
    assert it.status()["update_message"] == message


@pytest.mark.parametrize("mode", ["standalone", "dev"])
def test_any_other_server_starts_itself_again(it: Updatable, mode: str) -> None:
    it.capability = replace(it.capability, mode=mode, is_supported=False)
    answer = it.server.post(RESTART, headers={"Content-Type": "text/plain"})
    message = "service restart unavailable; re-exec requested"
    assert answer.json == {"restarting": True, "message": message}
    assert (it.left, it.restarted) == (0, 1)


@pytest.mark.weakness("R4")
def test_an_update_is_not_disturbed(it: Updatable) -> None:
    it.apply()
    answer = it.server.post(RESTART)
    assert (answer.status_code, answer.text) == (409, "update already in progress\n")
    assert (it.left, it.restarted) == (0, 0)
    assert it.status()["update_message"] == "staged update and triggered linux updater"


def test_after_an_update_it_is_allowed_again(it: Updatable) -> None:
    it.apply()
    it.finish("failed", "rolled back")
    assert it.server.post(RESTART).status_code == 200


@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE"])
def test_other_verbs(it: Updatable, verb: str) -> None:
    answer = it.server.http.simulate_request(verb, RESTART)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    made = Workplace(tmp_path)
    yield made
    made.close()


@pytest.mark.weakness("R2", "R3")
def test_a_real_server_returns_on_its_port_with_its_data(workplace: Workplace) -> None:
    """The port was a free one, and must be the same again; the answer is whole although the server ends."""
    pid = workplace.server.process.pid
    with Client(workplace.url, retries=0) as client:
        for _ in range(2):
            before = client.server_info().instance_id
            assert client.restart_server().restarting
            eventually(lambda before=before: instance(client) not in ("", before), what="the next one")  # type: ignore[misc]
        assert client.get_update_status()["update_message"] == "service restart unavailable; re-exec requested"
    assert workplace.server.process.poll() is None
    assert workplace.server.process.pid == pid
    assert workplace.server.output.count(workplace.url) == 3


def instance(client: Client) -> str:
    """Return the id of who answers, empty for nobody."""
    try:
        return client.server_info().instance_id
    except ClientError:
        return ""
