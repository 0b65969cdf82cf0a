"""Vault connections on the wire. No value of a secret is ever among these messages."""

from __future__ import annotations

import msgspec

from cictl.base.job_parts import SecretRef
from cictl.wire.codec import Message

VAULT_AUTH_OK = "vault auth ok"
"""How the message of a test that succeeded begins; callers rely on it."""

SECRET_ID_PREFIXES = ("CICTL_VAULT_", "CIWI_VAULT_")
"""How the variable that holds a secret id must be named: no other one of the server ever goes to a Vault."""


class VaultConnection(Message):
    """A Vault that jobs take secrets from, and how the server logs in there.

    Attributes:
        auth_method: Always `approle`.
        approle_mount: Where AppRole is mounted.
        secret_id_env: The variable of the server's process that holds the secret id.
        kv_default_version: 1 or 2.
        ca_file: PEM file on the server's machine that its certificate is checked against (ours); empty for the system's.
        used_by: Pipelines whose steps name it, as `project/pipeline` (ours); in the list only.
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
    """`POST vault/connections`: a new connection, or changes of the one that has this name.

    A key that is absent keeps what is stored; a blank one means the default. A new connection needs the first four.
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
        used_by: Pipelines whose steps name it and will fail, as `project/pipeline` (ours).
    """

    deleted: bool
    id: int
    used_by: list[str] = msgspec.field(default_factory=list)


class VaultTestRequest(Message):
    """`POST vault/connections/{id}/test`.

    Attributes:
        secret_id_override: Log in with this secret id instead of the configured one; it is not kept.
        test_secret: A secret to try to read; its value is not told, and its name does not matter.
    """

    secret_id_override: str = ""
    test_secret: SecretRef | None = None


class VaultTestResponse(Message):
    """How the test went; `message` of one that succeeded begins with `vault auth ok`."""

    ok: bool
    message: str = ""
