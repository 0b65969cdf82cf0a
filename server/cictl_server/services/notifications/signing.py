"""Signatures of messages, by Standard Webhooks: https://www.standardwebhooks.com, version 1 with a shared secret."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping

import msgspec

from cictl_server.services.notifications.parcels import NotDelivered, Parcel
from cictl_server.services.secrets.own.secrets import OwnSecretService, SecretElsewhere, SecretMissing, find
from cictl_server.store.contract import Store, View

_PREFIX = "whsec_"


def signature(key: bytes, *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of the header `webhook-signature`.

    Args:
        timestamp: Seconds since 1970, as the header `webhook-timestamp` has them.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def key_of(secret: str) -> bytes:
    """Return the key that *secret* means: the bytes behind `whsec_`, which are base64, or else the bytes of the text.

    Raises:
        ValueError: What follows `whsec_` is no base64.
    """
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"what follows {_PREFIX} is no base64") from None


class SigningSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """The secrets that project files name by `secret_env`."""

    store: Store
    own: OwnSecretService
    environment: Mapping[str, str]

    def key(self, parcel: Parcel) -> bytes:
        """Return the key for *parcel*: from the secret of its project, or of all, or from the environment of the server.

        Raises:
            NotDelivered: None is set, or it can't be used.
        """
        try:
            with self.store.read() as view:
                secret = self._stored(view, parcel)
            return key_of((secret or self._in_environment(parcel.secret_env)).strip())
        except (SecretMissing, SecretElsewhere) as error:
            raise NotDelivered(str(error)) from error
        except ValueError as error:
            raise NotDelivered(f"secret {parcel.secret_env} can't be used: {error}") from error

    def _stored(self, view: View, parcel: Parcel) -> str:
        """Return the server's own secret; empty if there is none of this name."""
        name, project_id = parcel.secret_env, parcel.project_id
        if find(view, name, project_id) is None and find(view, name, 0) is None:
            return ""
        return self.own.value(view, name, project_id=project_id, branch=parcel.body.branch)

    def _in_environment(self, name: str) -> str:
        if value := self.environment.get(name, "").strip():
            return value
        raise NotDelivered(f"secret {name} is not set; `cictl secrets set {name}` sets it, or a variable of the server")
