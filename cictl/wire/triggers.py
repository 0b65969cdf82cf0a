"""What starts runs by itself, on the wire (ours)."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cictl.wire.codec import Message

HOOK_KINDS = ("github", "gitea", "forgejo", "gitlab", "standard-webhooks")
"""Whose signatures of webhooks the server understands."""


class StartedRun(Message):
    """A run that a look at a repository started. A broken project file makes one without `pipeline`, which has failed."""

    run_number: int
    ref: str
    sha: str
    pipeline: str = ""
    error: str = ""


class NothingStarted(Message):
    """Why something new in a repository started no run, of one `pipeline` or of any."""

    ref: str
    reason: str
    pipeline: str = ""


class ProjectCheck(Message):
    """`POST projects/{id}/check`: what a look at the project's repository found.

    Attributes:
        changed: How many branches, tags and pull requests have another commit than at the look before, or are new or gone.
        left: How many of these are left for the next look.
        not_started: At most a hundred of them.
    """

    project: str
    looked_utc: datetime
    changed: int = 0
    left: int = 0
    started: list[StartedRun] = msgspec.field(default_factory=list)
    not_started: list[NothingStarted] = msgspec.field(default_factory=list)


class ProjectHook(Message):
    """`GET projects/{id}/hook`: where forges send the webhooks of a project.

    Attributes:
        kinds: Whose signatures are understood.
        has_secret: Its secret was made; without one no webhook counts.
        last_hook_utc: When the last one came that counted.
    """

    url: str
    kinds: list[str] = msgspec.field(default_factory=lambda: list(HOOK_KINDS))
    has_secret: bool = False
    last_hook_utc: datetime | None = None


class HookSecret(Message):
    """`POST projects/{id}/hook/rotate`: the new secret, which is shown this once.

    Attributes:
        secret: What GitHub, Gitea, Forgejo and GitLab want.
        standard_webhooks_key: The same for those who follow Standard Webhooks, and for signing tokens of GitLab.
    """

    url: str
    secret: str
    standard_webhooks_key: str
    kinds: list[str] = msgspec.field(default_factory=lambda: list(HOOK_KINDS))
