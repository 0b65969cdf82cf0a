"""Calls about connections to Vault."""

from __future__ import annotations

from cictl.wire.admin.vault import (
    DeletedVaultConnection,
    VaultConnection,
    VaultConnectionList,
    VaultConnectionRequest,
    VaultConnectionResponse,
    VaultTestRequest,
    VaultTestResponse,
)
from cictl.wire.codec import encode
from cictl_client.answers import Asked, read_as
from cictl_client.calls.calls import Calls

_CONNECTIONS = "/api/v1/vault/connections"
_TEST_SECONDS = 60.0
"""The server asks Vault for up to twenty seconds; the rest is for waiting in its queue."""


class VaultCalls(Calls):
    """The connections to Vault that the server knows."""

    def list_vault_connections(self) -> list[VaultConnection]:
        """Return the connections, sorted by name, each with the pipelines that use it."""
        return self._transport.get(VaultConnectionList, _CONNECTIONS).connections

    def save_vault_connection(self, request: VaultConnectionRequest) -> VaultConnection:
        """Add a connection, or change the one with this name; of that one, fields that are None stay as they are."""
        return self._mutations.post(VaultConnectionResponse, _CONNECTIONS, encode(request)).connection

    def delete_vault_connection(self, connection_id: int) -> DeletedVaultConnection:
        """Remove a connection, and return which pipelines still name it."""
        path = f"{_CONNECTIONS}/{connection_id}"
        return read_as(DeletedVaultConnection, Asked(self._transport.base_url, path), self._mutations.delete(path))

    def test_vault_connection(self, connection_id: int, request: VaultTestRequest | None = None) -> VaultTestResponse:
        """Let the server log in to Vault, and read a secret if one is named. The answer tells of a failure."""
        path = f"{_CONNECTIONS}/{connection_id}/test"
        return self._transport.post(
            VaultTestResponse, path, encode(request or VaultTestRequest()), timeout=_TEST_SECONDS
        )
