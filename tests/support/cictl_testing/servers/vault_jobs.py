"""Jobs whose steps name secrets, the connection that they are read through, and leases that wait for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cictl.wire.jobs import JobExecution
from cictl_server.services.jobs import leasing
from cictl_server.services.secrets import lease_secrets
from cictl_testing.server import RunningServer
from cictl_testing.servers.openbao import OpenBao

CONNECTIONS = "/api/v1/vault/connections"
FAILED = "secret resolution failed before execution: "


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a lease take as long as a loaded machine makes a Vault take. For a conftest.py."""
    monkeypatch.setattr(lease_secrets, "LEASE_SECONDS", 60.0)
    monkeypatch.setattr(leasing, "_TRY_SECONDS", 60.0)


def connect(server: RunningServer, vault: OpenBao, **fields: Any) -> None:
    answer = server.post(CONNECTIONS, vault.connection(**fields))
    assert answer.status_code == 201, answer.text


def step(env: dict[str, str], *secrets: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"run": "true", "env": env, "vault": {"connection": "pantry", "secrets": list(secrets)}, **fields}


def secret(path: str, *, name: str = "t", key: str = "k", **fields: Any) -> dict[str, Any]:
    return {"name": name, "path": path, "key": key, **fields}


def enqueue(server: RunningServer, *steps: dict[str, Any], **fields: Any) -> str:
    [job_id] = server.run(server.define(json.dumps([{"id": "j", "steps": list(steps)}])), **fields)
    return job_id


def env_of(job: JobExecution | None, index: int = 0) -> dict[str, str]:
    assert job is not None
    return {key: value for key, value in job.step_plan[index].env.items() if not key.startswith(("CICTL_", "CIWI_"))}
