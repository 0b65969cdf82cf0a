from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.servers.openbao import SECRET_ID, VARIABLE, OpenBao
from cictl_testing.servers.vault_jobs import connect

from cictl_server.services.jobs import leasing
from cictl_server.services.secrets import lease_secrets


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a lease take as long as a loaded machine makes a Vault take."""
    monkeypatch.setattr(lease_secrets, "LEASE_SECONDS", 60.0)
    monkeypatch.setattr(leasing, "_TRY_SECONDS", 60.0)


@pytest.fixture
def secret_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, SECRET_ID)


@pytest.fixture
def pantry(server: RunningServer, openbao: OpenBao) -> OpenBao:
    connect(server, openbao)
    return openbao
