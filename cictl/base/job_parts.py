"""Parts of a job that have the same form in the project file, the plan, the store and the agent."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class JobPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of a job in the one form that all use.

    A key that is required has an empty text as its default. The rules of the project file and of the server say what is
    missing, better than a decoder would.
    """


LEAST_PRIORITY, HIGHEST_PRIORITY = -100, 100
"""The bounds of the priority of a job."""


class SecretRef(JobPart, frozen=True, kw_only=True):
    """Where one secret of a step lies in Vault; never its value.

    Attributes:
        name: As `{{ secret.NAME }}` names it.
        path: Where it lies in the mount.
        key: Which value there.
        mount: Empty for the connection's default.
        kv_version: 0 for the connection's default.
    """

    name: str = msgspec.field(default_factory=str)
    path: str = msgspec.field(default_factory=str)
    key: str = msgspec.field(default_factory=str)
    mount: str = ""
    kv_version: int = 0


class CacheSpec(JobPart, frozen=True, kw_only=True):
    """A directory that an agent keeps between jobs: one outside of the checkout, named by a variable, or one in it.

    Attributes:
        id: Unique in the job.
        env: The variable that holds the path of the directory; empty for one in the checkout.
        shared: Whether all projects use it that say so too. Otherwise it is the project's own.
        path: Path below the checkout, from which it is saved and to which it is restored; empty for one outside.
        key: What the content belongs to. `hash_files('PATTERN', …)` in double braces is left for the agent.
        fallback_keys: Which contents do as well where there is none of `key`, the best first.
    """

    id: str = msgspec.field(default_factory=str)
    env: str = ""
    shared: bool = False
    path: str = ""
    key: str = ""
    fallback_keys: list[str] = []


class When(StrEnum):
    """After which end of a job something is kept."""

    SUCCESS = "success"
    FAILURE = "failure"
    ALWAYS = "always"


class ArtifactSpec(JobPart, frozen=True, kw_only=True):
    """Files that are kept together after a job.

    Attributes:
        paths: Patterns below the checkout. One with `!` in front excludes.
        name: What people call them; empty for none.
        keep_days: For how many days they are kept; 0 for as long as the job itself.
        when: After which end of the job they are kept.
        required: Whether the job fails when no file matches.
    """

    paths: list[str] = msgspec.field(default_factory=list)
    name: str = ""
    keep_days: int = 0
    when: When = When.SUCCESS
    required: bool = False


class ServiceSpec(JobPart, frozen=True, kw_only=True):
    """A container that runs beside a job, such as its database.

    Attributes:
        image: What it runs.
        name: The host name by which the steps reach it.
        env: Its environment, which may name secrets that the server keeps.
        ready: A command that succeeds in the container once the service is ready; empty if it is at once.
    """

    image: str = msgspec.field(default_factory=str)
    name: str = msgspec.field(default_factory=str)
    env: dict[str, str] = {}
    ready: str = ""


RETRY_CAUSES = ("agent_lost", "timed_out", "signal")
"""What a job may be run again for, besides an exit code, which is written `exit:N`."""
MOST_RETRIES = 10


class RetrySpec(JobPart, frozen=True, kw_only=True):
    """When a job that failed runs once more by itself.

    Attributes:
        limit: How many further executions it gets.
        on: Some of `RETRY_CAUSES`, and exit codes as `exit:137`.
    """

    limit: int = 0
    on: list[str] = []


APPROVING_ROLES = ("viewer", "operator", "admin")
"""Who may be asked for an approval. Each may also do what those before it may."""
LONGEST_APPROVAL_SECONDS = 366 * 86_400


class ApprovalSpec(JobPart, frozen=True, kw_only=True):
    """Whose approval a job, or a whole run, waits for.

    Attributes:
        roles: Some of `APPROVING_ROLES`; an admin may always approve.
        timeout_seconds: How long it waits before it fails, from 1 to `LONGEST_APPROVAL_SECONDS`.
    """

    roles: list[str] = msgspec.field(default_factory=lambda: ["operator"])
    timeout_seconds: int = 86_400


class Decision(JobPart, frozen=True, kw_only=True):
    """What somebody said who was asked for an approval.

    Attributes:
        approved: Whether it may begin.
        by: The name of their token; empty if nobody was authenticated.
        reason: Why, in their words; empty for an approval without one.
    """

    approved: bool
    by: str = ""
    reason: str = ""
    decided_utc: datetime


class OnNew(StrEnum):
    """What a newer run does to the older ones of its concurrency group."""

    QUEUE = "queue"
    """It waits for its turn."""
    REPLACE_WAITING = "replace_waiting"
    """It ends those that wait."""
    CANCEL_RUNNING = "cancel_running"
    """It ends them all."""


LONGEST_GROUP = LONGEST_LOCK = 200
"""How many characters the name of a concurrency group, or of a lock, has at most."""
MOST_LOCKS = 20
"""How many locks a job has at most."""


class ConcurrencySpec(JobPart, frozen=True, kw_only=True):
    """How many of a group run at once: runs where a pipeline says it, executions where a job does.

    Attributes:
        group: The name of the group in its project. In the file it may have templates.
        limit: How many have a place in it at once.
    """

    group: str = msgspec.field(default_factory=str)
    limit: int = 1
    on_new: OnNew = OnNew.QUEUE
