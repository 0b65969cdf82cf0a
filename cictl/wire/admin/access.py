"""Who may do what: roles, tokens as the API shows them, and enrolment."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from cictl.wire.codec import Message


class Role(StrEnum):
    """What a token may do. An admin may do what an operator may, and an operator what a viewer may; the others stand apart."""

    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"
    AGENT = "agent"
    """Lease jobs under one agent's id, and report them."""
    ENROLMENT = "enrolment"
    """Be traded for the token of an agent, and nothing else."""
    JOB = "job"
    """Read the run of one job, send the job's own files, and start runs if the project allows it, while the job runs."""

    def includes(self, other: Role) -> bool:
        """Tell whether this role may do all that *other* may."""
        return self is other or (self in _RANKED and other in _RANKED[_RANKED.index(self) :])


_RANKED = (Role.ADMIN, Role.OPERATOR, Role.VIEWER)


class Token(Message):
    """A token without its secret.

    Attributes:
        agent_id: With the role `agent`, the only agent that it is for.
        projects: The names of the only projects that it sees and changes; empty for all.
        last_four: How the secret ends, to tell tokens apart.
        created_by: The name of the token that made it; empty if nobody was authenticated.
        expires_utc: Absent if it never expires.
        last_used_utc: At most an hour too early; absent before the first use.
        revoked_utc: When it was revoked, or the last use of an enrolment was; absent while it counts.
        uses_left: With the role `enrolment`, how many agents it can still enrol.
    """

    id: int
    name: str
    role: Role
    last_four: str
    created_utc: datetime
    agent_id: str = ""
    projects: list[str] = msgspec.field(default_factory=list)
    created_by: str = ""
    expires_utc: datetime | None = None
    last_used_utc: datetime | None = None
    revoked_utc: datetime | None = None
    uses_left: int = 0


class TokenList(Message):
    tokens: list[Token]


class TokenRequest(Message):
    """`POST tokens`.

    Attributes:
        name: Any printable text up to 200 characters that is not a number; no other token that counts has it.
        role: `admin`, `operator`, `viewer` or `agent`.
        agent_id: Needed with the role `agent`, and only there.
        projects: Names of projects; only with the roles `operator` and `viewer`.
        ttl_seconds: How long it counts; 0 for ever.
    """

    name: str = ""
    role: str = ""
    agent_id: str = ""
    projects: list[str] = msgspec.field(default_factory=list)
    ttl_seconds: int = 0


class EnrolmentRequest(Message):
    """`POST agents/enrolments`: how many agents may use the token, and for how long."""

    uses: int = 1
    ttl_seconds: int = 86_400


class NewToken(Token):
    """A token with its secret, which is shown this once. Only its SHA-256 is kept."""

    token: str = ""


class EnrollRequest(Message):
    """`POST agents/enroll`: the secret of an enrolment token, and the id that the agent wants."""

    token: str = ""
    agent_id: str = ""


class WhoAmI(Message):
    """`GET whoami`: whom the server takes the caller for.

    Attributes:
        authentication: Whether this server wants tokens. If not, everybody has the role `admin`, and there is no name.
        id, name, agent_id, projects, expires_utc: Of the token. That of a job has the short id of the job as its name, and
            the agent that runs the job; it has no id.
        job_execution_id: With the role `job`, the execution whose token it is.
    """

    authentication: bool
    role: Role
    id: int = 0
    name: str = ""
    agent_id: str = ""
    projects: list[str] = msgspec.field(default_factory=list)
    expires_utc: datetime | None = None
    job_execution_id: str = ""
