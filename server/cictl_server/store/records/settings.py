"""The records of the server itself: settings, tokens, and answers that are given again."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cictl.wire.admin.access import Role
from cictl_server.store.records.base import Record


class SettingRecord(Record, frozen=True, kw_only=True):
    """One setting of the server, such as `agent_update_target`."""

    key: str
    value: str


class AnswerRecord(Record, frozen=True, kw_only=True):
    """The answer to a request with an `Idempotency-Key`.

    Attributes:
        key: Digest of the caller, method, path and the client's key.
        caller: Who sent the request; empty in what was written before callers were told.
        content: Digest of its query and body; empty in the same records.
        status: HTTP status; 0 while there is no answer yet.
        omitted_bytes: The size of a body that was too large to be kept; 0 for one that is in `body`.
        server: The `instance_id` of the server that answers; empty in what was written before it was told.
    """

    key: str
    created: datetime
    caller: str = ""
    server: str = ""
    content: str = ""
    status: int = 0
    content_type: str = ""
    body: str = ""
    omitted_bytes: int = 0


class TokenRecord(Record, frozen=True, kw_only=True):
    """A token. Its secret is kept nowhere.

    Attributes:
        digest: SHA-256 of the secret, in hex.
        agent_id: With the role agent, the only agent that it is for.
        projects: Names of the only projects that it reaches; empty for all.
        revoked: When it was revoked or, as an enrolment, used up.
        uses_left: With the role enrolment, how many agents it can still enrol.
    """

    id: int
    name: str
    role: Role
    digest: str
    last_four: str
    created: datetime
    created_by: str = ""
    agent_id: str = ""
    projects: list[str] = msgspec.field(default_factory=list)
    expires: datetime | None = None
    last_used: datetime | None = None
    revoked: datetime | None = None
    uses_left: int = 0

    def counts(self, now: datetime) -> bool:
        """Tell whether it is neither revoked nor expired. At the very instant of its expiry it counts no more."""
        return self.revoked is None and (self.expires is None or now < self.expires)
