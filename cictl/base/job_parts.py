"""Parts of a job that have the same form in the project file, the plan, the store and the agent."""

from __future__ import annotations

import msgspec


class JobPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of a job in the one form that all use.

    A key that is required has an empty text as its default. The rules of the project file and of the server say what is
    missing, better than a decoder would.
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
    """A directory that an agent keeps between jobs, and the variable that holds its path.

    Attributes:
        shared: Whether all projects use it that say so too. Otherwise it is the project's own.
    """

    id: str = msgspec.field(default_factory=str)
    env: str = ""
    shared: bool = False
