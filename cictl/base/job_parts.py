"""Parts of a job that the project file, the plan, the store and the agent all hold in one form."""

from __future__ import annotations

import msgspec


class JobPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of a job that nobody has a form of their own for.

    A key that must be there has an empty text as its default: the rules of the project file, and the server's, say what
    is missing better than a decoder does.
    """


class SecretRef(JobPart, frozen=True, kw_only=True):
    """Where one secret of a step lies in Vault; never its value.

    Attributes:
        mount: Empty for the connection's default.
        kv_version: 0 for the connection's default.
    """

    name: str = msgspec.field(default_factory=str)
    path: str = msgspec.field(default_factory=str)
    key: str = msgspec.field(default_factory=str)
    mount: str = ""
    kv_version: int = 0


class CacheSpec(JobPart, frozen=True, kw_only=True):
    """A directory that an agent keeps between jobs, and the variable that tells its path."""

    id: str = msgspec.field(default_factory=str)
    env: str = ""
