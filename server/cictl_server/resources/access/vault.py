"""Vault connections."""

from __future__ import annotations

import falcon

from cictl.wire.admin.vault import (
    DeletedVaultConnection,
    VaultConnectionList,
    VaultConnectionRequest,
    VaultConnectionResponse,
    VaultTestRequest,
    VaultTestResponse,
)
from cictl_server.apidoc.describe import api
from cictl_server.http import media
from cictl_server.services import Services

_NOUN = "vault connection"


class VaultConnectionsResource:
    """`/api/v1/vault/connections`"""

    def __init__(self, services: Services) -> None:
        self._connections = services.secrets.connections

    @api(answers={200: VaultConnectionList})
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """List the connections by name, with the pipelines that use each."""
        media.write(resp, VaultConnectionList(connections=self._connections.list_connections()))

    @api(
        request=VaultConnectionRequest,
        answers={201: VaultConnectionResponse, 400: "a field is missing or can't be accepted"},
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Store a connection, or change the one with this name; absent keys keep their stored values."""
        connection = self._connections.save(media.read(req, VaultConnectionRequest))
        media.write(resp, VaultConnectionResponse(connection=connection), status=201)


class VaultConnectionResource:
    """`/api/v1/vault/connections/{connection_id}`"""

    def __init__(self, services: Services) -> None:
        self._connections = services.secrets.connections

    @api(answers={200: DeletedVaultConnection, 404: "unknown"})
    def on_delete(self, _req: falcon.Request, resp: falcon.Response, connection_id: str) -> None:
        """Delete a connection, and return the pipelines that name it: their jobs will fail."""
        media.write(resp, self._connections.delete(media.path_id(connection_id, noun=_NOUN)))


class VaultTestResource:
    """`/api/v1/vault/connections/{connection_id}/test`"""

    def __init__(self, services: Services) -> None:
        self._tests = services.secrets.testing

    @api(
        request=VaultTestRequest,
        answers={
            200: VaultTestResponse,
            404: "unknown, or another method",
            503: "too many are being tried; `Retry-After` says when to come again",
        },
        takes_key=False,
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, connection_id: str) -> None:
        """Log in, and read a secret if one is named; the answer tells a failure. Nothing is kept."""
        number = media.path_id(connection_id, noun=_NOUN)
        media.write(resp, self._tests.test(number, media.read(req, VaultTestRequest)))
