"""Secrets of the server's own on the wire. A value goes in, and never out."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cictl.wire.codec import Message


class Secret(Message):
    """What is known of a secret.

    Attributes:
        project_id: The project whose jobs may use it; 0 for those of all projects.
        branches: Names and patterns of the branches whose runs may use it; empty for all.
    """

    id: int
    name: str
    created_utc: datetime
    updated_utc: datetime
    project_id: int = 0
    project: str = ""
    branches: list[str] = msgspec.field(default_factory=list)


class SecretList(Message):
    secrets: list[Secret]


class SecretResponse(Message):
    secret: Secret


class SecretRequest(Message):
    """`POST secrets`: a new secret, or another value of one.

    Attributes:
        project: Name or id of a project; empty for all.
        branches: None keeps what is stored.
    """

    name: str
    value: str
    project: str = ""
    branches: list[str] | None = None

    def __repr__(self) -> str:
        return f"SecretRequest(name={self.name!r}, project={self.project!r})"


class DeletedSecret(Message):
    deleted: bool
    id: int
    name: str


class RotatedKey(Message):
    """`POST secrets/rotate-key`: the key that seals now, by its id, and how many secrets it has sealed."""

    key_id: str
    secrets: int
