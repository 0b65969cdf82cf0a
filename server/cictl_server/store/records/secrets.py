"""The records of secrets, and of where they come from."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cictl_server.store.records.base import Record


class VaultConnectionRecord(Record, frozen=True, kw_only=True):
    """How to reach one Vault. `secret_id_env` names the variable with the secret id; no secret is ever stored."""

    id: int
    name: str
    url: str = ""
    auth_method: str = "approle"
    approle_mount: str = "approle"
    role_id: str = ""
    secret_id_env: str = ""
    namespace: str = ""
    kv_default_mount: str = ""
    kv_default_version: int = 2
    ca_file: str = ""
    created: datetime
    updated: datetime


class SecretRecord(Record, frozen=True, kw_only=True):
    """A secret of the server's own. Its value is sealed; the key is not in the store.

    Attributes:
        project_id: The project whose jobs may use it; 0 for those of all projects.
        key_id: Which key sealed it.
        sealed: Nonce and ciphertext, in base64.
        branches: Names and patterns of the branches whose runs may use it; empty for all.
    """

    id: int
    name: str
    project_id: int = 0
    key_id: str
    sealed: str
    branches: list[str] = msgspec.field(default_factory=list)
    created: datetime
    updated: datetime
