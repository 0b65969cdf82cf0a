"""Vault connections on the wire. No value of a secret is ever among these messages."""

from __future__ import annotations

import msgspec

from cictl.base.job_parts import SecretRef
from cictl.wire.codec import Message

VAULT_AUTH_OK = "vault auth ok"
"""How the message of a successful test begins. Callers rely on it."""

SECRET_ID_PREFIXES = ("CICTL_VAULT_", "CIWI_VAULT_")
"""How the name of a variable with a secret id must begin. The server sends no other variable of its own to a Vault."""


class VaultConnection(Message):
    """A Vault that jobs take secrets from, and how the server logs in there.

    Attributes:
        auth_method: Always `approle`.
        approle_mount: Where AppRole is mounted.
        secret_id_env: The environment variable of the server that holds the secret id.
        kv_default_version: 1 or 2.
        ca_file: PEM file on the server's machine with the authorities that Vault's certificate is checked against (ours).
            Empty for the usual ones.
        used_by: Pipelines whose steps use it, as `project/pipeline` (ours); in the list only.
    """

    id: int
    name: str
    url: str
    auth_method: str
    approle_mount: str
    role_id: str
    secret_id_env: str = ""
    namespace: str = ""
    kv_default_mount: str = ""
    kv_default_version: int = 0
    ca_file: str = ""
    used_by: list[str] = msgspec.field(default_factory=list)


class VaultConnectionRequest(Message):
    """`POST vault/connections`: a new connection, or changes to the one with this name.

    An absent key keeps what is stored. A blank value means the default. A new connection needs the first four keys. What says
    to whom the secret id goes (`url`, `ca_file`, `namespace`, `auth_method`, `approle_mount`) changes only together with
    `role_id` and `secret_id_env`.
    """

    name: str = ""
    url: str | None = None
    role_id: str | None = None
    secret_id_env: str | None = None
    auth_method: str | None = None
    approle_mount: str | None = None
    namespace: str | None = None
    kv_default_mount: str | None = None
    kv_default_version: int | None = None
    ca_file: str | None = None


class VaultConnectionList(Message):
    connections: list[VaultConnection]


class VaultConnectionResponse(Message):
    connection: VaultConnection


class DeletedVaultConnection(Message):
    """The answer to a deletion.

    Attributes:
        used_by: Pipelines whose steps still use it and will fail, as `project/pipeline` (ours).
    """

    deleted: bool
    id: int
    used_by: list[str] = msgspec.field(default_factory=list)


class VaultTestRequest(Message):
    """`POST vault/connections/{id}/test`.

    Attributes:
        secret_id_override: A secret id to log in with instead of the configured one. It is not stored.
        test_secret: A secret to try to read. The answer does not have its value, and its name does not matter.
    """

    secret_id_override: str = ""
    test_secret: SecretRef | None = None


class VaultTestResponse(Message):
    """How the test went. When it succeeded, `message` begins with `vault auth ok`."""

    ok: bool
    message: str = ""
