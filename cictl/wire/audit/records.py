"""The audit: who did or tried what, as one record each. `chain` tells how records hang together."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from cictl.wire.codec import Message

MOST_DETAILS = 20
"""How many details a record has at most."""


class AuditAction(StrEnum):
    """What was done. An action never changes its name. What is done to agents is named by `Action.past`, as `agent.restarted`."""

    AUTH_REFUSED = "auth.refused"
    """A request was answered with 401 or 403."""
    AUTH_LIMITED = "auth.limited"
    """Further refusals of one caller are answered, but not recorded until the minute is over."""
    AUDIT_PRUNED = "audit.pruned"
    """Records that were old enough were removed."""
    AGENT_ENROLLED = "agent.enrolled"
    AGENT_ORDERED = "agent.ordered"
    """An order that names no known action, and so failed."""
    AGENT_REMOVED = "agent.removed"
    """By somebody, or by the server after a long silence."""
    ENROLMENT_CREATED = "enrolment.created"
    FORGE_REMOVED = "forge.removed"
    FORGE_SET = "forge.set"
    HISTORY_FLUSHED = "history.flushed"
    HOOK_ROTATED = "hook.rotated"
    """The secret of a project's webhooks was made anew."""
    JOB_CANCELLED = "job.cancelled"
    JOB_DELETED = "job.deleted"
    JOB_PRIORITIZED = "job.prioritized"
    JOB_RERUN = "job.rerun"
    NOTIFICATIONS_TESTED = "notifications.tested"
    PROJECT_CHANGED = "project.changed"
    """One of its settings on the server."""
    PROJECT_DELETED = "project.deleted"
    PROJECT_IMPORTED = "project.imported"
    PROJECT_RELOADED = "project.reloaded"
    QUEUE_CLEARED = "queue.cleared"
    QUEUE_PAUSED = "queue.paused"
    QUEUE_RESUMED = "queue.resumed"
    RETENTION_RUN = "retention.run"
    """Finished runs, logs or artifacts were removed: at somebody's request, or by the server for their age."""
    RETENTION_SET = "retention.set"
    RUN_APPROVED = "run.approved"
    """A job of it that waited for an approval, or the whole run."""
    RUN_REJECTED = "run.rejected"
    RUN_CANCELLED = "run.cancelled"
    RUN_RERUN = "run.rerun"
    RUN_PINNED = "run.pinned"
    RUN_UNPINNED = "run.unpinned"
    RUN_STARTED = "run.started"
    SCHEDULE_PAUSED = "schedule.paused"
    SCHEDULE_RESUMED = "schedule.resumed"
    SECRET_KEY_ROTATED = "secret.key_rotated"  # noqa: S105 - the name of an action
    SECRET_REMOVED = "secret.removed"  # noqa: S105 - the name of an action
    SECRET_SET = "secret.set"  # noqa: S105 - the name of an action
    SERVER_RESTARTED = "server.restarted"
    SERVER_ROLLED_BACK = "server.rolled_back"
    SERVER_UPDATED = "server.updated"
    SESSION_BEGUN = "session.begun"
    """Somebody logged in with a browser."""
    SESSION_ENDED = "session.ended"
    """They logged out. That a session's time was over is not recorded."""
    TOKEN_CREATED = "token.created"  # noqa: S105 - the name of an action
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - the name of an action
    TOKEN_ROTATED = "token.rotated"  # noqa: S105 - the name of an action
    VAULT_DELETED = "vault.deleted"
    VAULT_SAVED = "vault.saved"
    VAULT_TESTED = "vault.tested"


class AuditOutcome(StrEnum):
    """How it went. What lasts longer than the request, such as a run or an update, succeeded once it was accepted."""

    SUCCESS = "success"
    REFUSED = "refused"
    """The caller may not do it."""
    FAILED = "failed"


class ActorKind(StrEnum):
    USER = "user"
    AGENT = "agent"
    ENROLMENT = "enrolment"
    JOB = "job"
    """A step of a job, with the token of that."""
    ANONYMOUS = "anonymous"
    """No token that counts came with the request, or the server asks nobody for one."""
    SYSTEM = "system"
    """The server itself, or who works in its data directory."""


class TargetKind(StrEnum):
    AGENT = "agent"
    CHAIN = "chain"
    JOB = "job"
    PIPELINE = "pipeline"
    PROJECT = "project"
    RUN = "run"
    SCHEDULE = "schedule"
    """By its number within the pipeline, which is a target too."""
    SECRET = "secret"  # noqa: S105 - a kind of thing
    TOKEN = "token"  # noqa: S105 - a kind of thing
    VAULT = "vault"


class AuditClient(StrEnum):
    """Through what the request came, by what it says of itself."""

    CLI = "cli"
    WEB = "web"
    API = "api"
    AGENT = "agent"
    SYSTEM = "system"


class AuditActor(Message, omit_defaults=False):
    """Who did it: the id, the name and the role of a token, all empty for a caller without one. A job has the id of its execution."""

    kind: str
    id: str = ""
    name: str = ""
    role: str = ""


class AuditTarget(Message, omit_defaults=False):
    """What it was done to. The name is the one that it had then."""

    kind: str
    id: str
    name: str = ""


class AuditOrigin(Message, omit_defaults=False):
    """Where the request came from."""

    address: str = ""
    client: str = AuditClient.SYSTEM
    user_agent: str = ""


class AuditRecord(Message, omit_defaults=False):
    """One thing that was done, or that somebody tried to do. All keys are always there.

    Attributes:
        id: Ascending, with gaps.
        action: An `AuditAction`, or what was done to an agent.
        outcome: An `AuditOutcome`.
        path: Without its query.
        details: At most 20 short texts; none of them is a secret.
        prev_hash: `hash` of the record before; empty for the first one of all.
        hash: SHA-256 in hex of the rest: see `chain`.
    """

    id: int
    time_utc: datetime
    actor: AuditActor
    action: str
    outcome: str
    targets: list[AuditTarget] = msgspec.field(default_factory=list)
    origin: AuditOrigin = msgspec.field(default_factory=AuditOrigin, name="from")
    method: str = ""
    path: str = ""
    request_id: str = ""
    details: dict[str, str] = msgspec.field(default_factory=dict)
    prev_hash: str = ""
    hash: str = ""


class AuditFilter(Message):
    """Which records are wanted; an empty part matches all.

    Attributes:
        actor: The id or the name of an actor, or its kind.
        action: An action, or the noun before its dot, for all of its actions.
        target: The id or the name of a target.
        since: The earliest time.
    """

    actor: str = ""
    action: str = ""
    target: str = ""
    since: datetime | None = None

    def matches(self, record: AuditRecord) -> bool:
        actor = record.actor
        return (
            self.action in ("", record.action, record.action.partition(".")[0])
            and self.actor in ("", actor.name, actor.id, actor.kind)
            and (not self.target or any(self.target in (target.id, target.name) for target in record.targets))
            and (self.since is None or record.time_utc >= self.since)
        )


class ChainEnds(Message):
    """Where the chain of records begins and ends.

    Attributes:
        removed_id, removed_hash: Of the last record that was removed for its age; 0 and empty if none was.
        last_id, last_hash: Of the newest record; 0 and empty if there is none yet.
    """

    removed_id: int = 0
    removed_hash: str = ""
    last_id: int = 0
    last_hash: str = ""


class AuditPage(Message):
    """`GET audit`: records, and how to go on.

    Attributes:
        next_cursor: Fetches the next part; absent at the end. A part may be empty and not the last: a search looks through
            a bounded number of records at a time.
        chain: The ends of the chain as they were when this part was read.
    """

    records: list[AuditRecord]
    chain: ChainEnds
    next_cursor: str = ""
