"""What a server remembers of a Vault, while another server changes the connection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cictl_testing.servers.openbao import SECRET_ID, VARIABLE
from cictl_testing.servers.scripted_vault import Said, ScriptedVault, kv2
from cictl_testing.servers.sharing import SharingServer
from cictl_testing.servers.vault_jobs import CONNECTIONS, enqueue, env_of, secret, step

Both = tuple[SharingServer, SharingServer]


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedVault]:
    monkeypatch.setenv(VARIABLE, SECRET_ID)
    vault = ScriptedVault(kv2(k="value"))
    yield vault
    vault.stop()


def save(server: SharingServer, vault: ScriptedVault) -> int:
    fields = {
        "name": "pantry",
        "url": vault.url,
        "role_id": "r",
        "secret_id_env": VARIABLE,
        "kv_default_mount": "secret",
    }
    answer = server.post(CONNECTIONS, fields)
    assert answer.status_code == 201, answer.text
    number: int = answer.json["connection"]["id"]
    return number


def run(server: SharingServer) -> None:
    """Run a job with a secret to its end at *server*."""
    job_id = enqueue(server, step({"A": "{{ secret.t }}"}, secret("p")))
    assert env_of(server.leased()) == {"A": "value"}
    assert server.report(job_id, "succeeded").status_code == 200


def test_a_connection_that_is_saved_at_one_is_logged_in_to_anew_at_the_other(both: Both, vault: ScriptedVault) -> None:
    here, there = both
    save(here, vault)
    run(there)
    run(there)
    assert len(vault.asked_for("/login")) == 1
    here.clock.step(1)
    save(here, vault)
    run(there)
    assert len(vault.asked_for("/login")) == 2


def test_a_connection_that_is_saved_at_one_is_tried_at_once_by_the_other(both: Both, vault: ScriptedVault) -> None:
    here, there = both
    save(here, vault)
    vault.said = [Said(status=503), kv2(k="value")]
    waiting = enqueue(there, step({"A": "{{ secret.t }}"}, secret("p")))
    assert not there.lease().assigned
    assert there.services.secrets.lease_secrets.outages.any
    there.clock.step(0.1)
    save(here, vault)
    run_id = enqueue(there, step({"A": "{{ secret.t }}"}, secret("p")))
    assert there.leased().id == run_id
    assert there.job(waiting).waiting_reason


def test_a_connection_that_is_deleted_at_one_is_forgotten_by_the_other(both: Both, vault: ScriptedVault) -> None:
    here, there = both
    number = save(here, vault)
    vault.said = [Said(status=503), kv2(k="value")]
    enqueue(there, step({"A": "{{ secret.t }}"}, secret("p")))
    assert not there.lease().assigned
    assert here.http.simulate_delete(f"{CONNECTIONS}/{number}").status_code == 200
    there.clock.step(180)
    assert not there.services.secrets.lease_secrets.outages.any
