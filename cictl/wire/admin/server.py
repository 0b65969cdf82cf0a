"""What the server says about itself: health, readiness, version and mode."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from cictl.wire.codec import Message

API_VERSION = 1
NEVER = datetime(1, 1, 1, tzinfo=UTC)
"""The instant that stands for "never", where the contract has no absent value."""


class Health(Message):
    status: str


class ReadinessCheck(Message):
    """One thing that must work. When it does not, `detail` says what is wrong; otherwise how it is, if there is more to tell."""

    name: str
    ok: bool
    detail: str = ""


class Readiness(Message):
    """`GET /readyz`: whether the server can do its work. `GET /healthz` only tells that it answers."""

    ready: bool
    checks: list[ReadinessCheck]


class ServerInfo(Message):
    """`GET server-info`. Without a token, a server that wants one tells its name, API version and features only.

    Attributes:
        instance_id: Changes at each start (ours).
        files: Where artifacts and reports are: `directory`, or the URL of a bucket (ours).
        features: The names of extensions (ours).
        store: What keeps the records: `tinydb` or `postgresql` (ours).
        served_by: What answers requests: `waitress` or `granian` (ours).
    """

    name: str
    api_version: int
    version: str = ""
    hostname: str = ""
    instance_id: str = ""
    files: str = ""
    features: list[str] = msgspec.field(default_factory=list)
    store: str = ""
    served_by: str = ""


class ServerInstance(Message):
    """One server, from its start to its end (ours).

    Attributes:
        instance_id: As in its `server-info`.
        name: The host that it runs on.
        leads: The duties that it has for all servers; `background` is to expire leases, give up lost agents, apply retention.
        differs: The options of `cictl serve` that are set otherwise than at the server that answers.
    """

    instance_id: str
    name: str
    version: str
    started_utc: datetime
    seen_utc: datetime
    leads: list[str] = msgspec.field(default_factory=list)
    differs: list[str] = msgspec.field(default_factory=list)


class ServerList(Message):
    """`GET servers`: the servers that work on the same data (ours). One that died is listed for another minute."""

    servers: list[ServerInstance]


class RuntimeState(Message):
    """`GET runtime-state`. `mode` is normal or degraded_offline; agents are counted by their last heartbeat."""

    mode: str
    online_agents: int
    stale_agents: int
    offline_agents: int
    has_any_agents: bool
    last_agent_seen_utc: datetime
    git_available: bool
    reasons: list[str] = msgspec.field(default_factory=list)
    server_version: str = ""
