from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.servers.openbao import SECRET_ID, VARIABLE, OpenBao
from cictl_testing.servers.vault_jobs import connect, patience

__all__ = ["patience"]


@pytest.fixture
def secret_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, SECRET_ID)


@pytest.fixture
def pantry(server: RunningServer, openbao: OpenBao) -> OpenBao:
    connect(server, openbao)
    return openbao
