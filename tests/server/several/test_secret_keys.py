"""Secrets of the server's own, and two servers that have different keys."""

from __future__ import annotations

import base64
import os

import pytest
from cictl_testing.processes import eventually
from cictl_testing.server import RunningServer
from cictl_testing.servers.sharing import SharingServer

Both = tuple[SharingServer, SharingServer]

USES = '[{id: make, steps: [{run: x, env: {TOKEN: "{{ secret.deploy }}"}}]}]'
VARIABLE = "CICTL_SECRETS_KEY"


def put(server: RunningServer, value: str = "a value", name: str = "deploy") -> tuple[int, str]:
    """Set a secret; the text of a refusal has its hint too."""
    headers = {"Accept": "application/json"}
    answer = server.post("/api/v1/secrets", {"name": name, "value": value}, headers=headers)
    return answer.status_code, answer.text


def rotate(server: RunningServer) -> tuple[int, str]:
    answer = server.post("/api/v1/secrets/rotate-key")
    return answer.status_code, answer.text


def new_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def look(*servers: RunningServer) -> None:
    for server in servers:
        server.services.secrets.own.holders.look()


def know_each_other(*servers: SharingServer) -> None:
    """Return once each of two servers has heard which keys the other has."""
    look(*servers)
    first, second = (server.services.secrets.own for server in servers)
    for one, other in ((first, second), (second, first)):
        wanted = [tuple(key.id for key in other.keys.keys())]  # noqa: SIM118 - no dictionary
        eventually(lambda: [told.ids for _, told in one.holders._fellows.others()] == wanted, what="the keys")  # noqa: B023
    look(*servers)


def not_ready(server: RunningServer) -> str:
    return "".join(check["detail"] for check in server.get("/readyz").json["checks"] if not check["ok"])


def test_no_server_makes_a_second_key(apart: Both) -> None:
    here, there = apart
    assert put(here)[0] == 201
    status, text = put(there, name="other")
    assert status == 409
    assert "secrets are sealed with key" in text
    assert "give all servers the same keys by CICTL_SECRETS_KEY" in text
    assert not (there.directory / "secrets.key").exists()


def test_a_server_without_the_key_is_not_ready_and_leaves_jobs_to_the_other(apart: Both) -> None:
    here, there = apart
    put(here)
    know_each_other(here, there)
    assert "and this server has not; give all servers the same keys by CICTL_SECRETS_KEY" in not_ready(there)
    assert not not_ready(here)
    [job_id] = there.run(there.define(USES))
    assert not there.lease().assigned
    assert "can be opened by" in there.job(job_id).waiting_reason
    here.clock.step(1)
    assert here.leased().sensitive_values == ["a value"]


def test_a_copied_key_makes_it_ready(apart: Both) -> None:
    here, there = apart
    put(here)
    know_each_other(here, there)
    assert not_ready(there)
    there.directory.joinpath("secrets.key").write_bytes(here.directory.joinpath("secrets.key").read_bytes())
    look(there)
    assert not not_ready(there)
    assert put(there, name="other")[0] == 201


def test_a_key_in_a_file_is_not_changed_under_another_server(apart: Both) -> None:
    here, there = apart
    put(here)
    know_each_other(here, there)
    status, text = rotate(here)
    assert status == 409
    assert "would not get the new one" in text
    there.close()
    eventually(lambda: rotate(here)[0] == 200, what="the end of the other server to be known")
    there.start()


def test_a_given_key_is_changed_once_all_have_the_new_one(apart: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = apart
    old, new = new_key(), new_key()
    monkeypatch.setenv(VARIABLE, old)
    for server in apart:
        server.restart()
    put(here)
    monkeypatch.setenv(VARIABLE, f"{new} {old}")
    here.restart()
    know_each_other(here, there)
    status, text = rotate(here)
    assert status == 409
    assert "is not in CICTL_SECRETS_KEY of" in text
    there.restart()
    know_each_other(here, there)
    assert rotate(here)[0] == 200
    there.run(there.define(USES))
    assert there.leased().sensitive_values == ["a value"]
    assert not not_ready(there)
