"""Secrets that the server keeps itself."""

from __future__ import annotations

import falcon

from cictl.wire.admin.secrets import DeletedSecret, RotatedKey, SecretList, SecretRequest, SecretResponse
from cictl_server.apidoc.describe import api
from cictl_server.http import media
from cictl_server.services import Services


class SecretsResource:
    """`/api/v1/secrets`"""

    def __init__(self, services: Services) -> None:
        self._secrets = services.secrets.own

    @api(answers={200: SecretList})
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """List the secrets by name, without their values."""
        media.write(resp, SecretList(secrets=self._secrets.list_secrets()))

    @api(
        request=SecretRequest,
        answers={
            201: SecretResponse,
            400: "a field can't be accepted",
            404: "unknown project",
            409: "several projects have the name `project`",
        },
        takes_key=False,  # not even a digest of a value is stored, by which short ones could be guessed
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Store a secret, or another value of the one with this name and project."""
        secret = self._secrets.set(media.read(req, SecretRequest))
        media.write(resp, SecretResponse(secret=secret), status=201)


class SecretResource:
    """`/api/v1/secrets/{secret_id}`"""

    def __init__(self, services: Services) -> None:
        self._secrets = services.secrets.own

    @api(answers={200: DeletedSecret, 404: "unknown"})
    def on_delete(self, _req: falcon.Request, resp: falcon.Response, secret_id: str) -> None:
        """Delete a secret; jobs that name it fail from then on."""
        media.write(resp, self._secrets.delete(media.path_id(secret_id, noun="secret")))


class SecretsKeyResource:
    """`/api/v1/secrets/rotate-key`"""

    def __init__(self, services: Services) -> None:
        self._secrets = services.secrets.own

    @api(answers={200: RotatedKey, 400: "a secret can't be opened", 409: "the key is given, and no new one with it"})
    def on_post(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Seal all secrets with a new key, and forget the old one."""
        media.write(resp, self._secrets.rotate_key())
