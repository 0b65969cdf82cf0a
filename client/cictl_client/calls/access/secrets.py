"""Calls about secrets that the server keeps itself."""

from __future__ import annotations

from cictl.wire.admin.secrets import DeletedSecret, RotatedKey, Secret, SecretList, SecretRequest, SecretResponse
from cictl.wire.codec import encode
from cictl_client.answers import Asked, read_as
from cictl_client.calls.calls import Calls

_SECRETS = "/api/v1/secrets"


class SecretCalls(Calls):
    """The secrets of the server's own; their values are never read back."""

    def list_secrets(self) -> list[Secret]:
        """Return the secrets, sorted by name, without their values."""
        return self._transport.get(SecretList, _SECRETS).secrets

    def set_secret(self, request: SecretRequest) -> Secret:
        """Store a secret, or another value of it; branches that are None stay as they are."""
        return self._mutations.post(SecretResponse, _SECRETS, encode(request)).secret

    def delete_secret(self, secret_id: int) -> DeletedSecret:
        """Remove a secret."""
        path = f"{_SECRETS}/{secret_id}"
        return read_as(DeletedSecret, Asked(self._transport.base_url, path), self._mutations.delete(path))

    def rotate_secrets_key(self) -> RotatedKey:
        """Let the server seal all secrets with a new key."""
        return self._mutations.post(RotatedKey, f"{_SECRETS}/rotate-key")
