"""How many agents are known, for how long, and how much of what they say about themselves is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from cictl.base.names.agent_ids import RULE, is_agent_id
from cictl.base.names.plain_names import printable
from cictl.wire.agents import MOST_SLOTS, HeartbeatRequest, LeaseRequest
from cictl_server.errors import InvalidRequest, LimitReached, no_agent_id
from cictl_server.services.core.limits.bounds import AS_IT_IS, Bounds, bounded

_CAPABILITIES = Bounds(text=512, items=400)
"""A label's value has up to 128 characters of four bytes. An agent looks for 200 tools at most, and has 64 labels."""

_CAPABILITIES_BYTES = 32 << 10
"""What all of them have together; the list of a thousand agents must stay readable."""

_TOLD = Bounds(
    text=255,
    items=1000,
    fields={
        "capabilities": _CAPABILITIES,
        "slots": Bounds(low=0, high=MOST_SLOTS),
        "update_failure": AS_IT_IS,  # one line is made of each of these two
        "restart_status": AS_IT_IS,
    },
)


class FleetLimits(msgspec.Struct, frozen=True, kw_only=True):
    """0 switches a limit off.

    Attributes:
        agents: How many are known at once; a further one is refused.
        forget_after: After this silence an agent is forgotten, unless it is deactivated, drains or has a job.
    """

    agents: int = 5000
    forget_after: timedelta = timedelta(days=30)

    def check_count(self, known: int) -> None:
        """Return if one more agent may be known.

        Raises:
            LimitReached: As many are known already.
        """
        if self.agents and known >= self.agents:
            raise LimitReached(
                f"{known} agents are known; the limit --max-agents is {self.agents}",
                hint="`cictl agents remove` makes room",
            )


def check_agent_id(text: str, *, field: str = "agent_id") -> None:
    """Return if an agent can have this id.

    Raises:
        InvalidRequest: It can't; the text names *field* and the rule.
    """
    if not text:
        raise no_agent_id()
    if not is_agent_id(text):
        raise InvalidRequest(f"{field} {RULE}")


def kept_heartbeat(request: HeartbeatRequest) -> HeartbeatRequest:
    """Return what is kept of a heartbeat: long texts cut, and nothing in names that steers a terminal."""
    kept = bounded(request, _TOLD)
    names = {name: printable(getattr(kept, name)) for name in ("hostname", "os", "arch", "version")}
    return msgspec.structs.replace(kept, **names, capabilities=_kept_capabilities(kept.capabilities))


def _kept_capabilities(told: Mapping[str, str]) -> dict[str, str]:
    """Return the first of what an agent offers that fit into `_CAPABILITIES_BYTES`."""
    kept, size = dict[str, str](), 0
    for key, value in told.items():
        size += len(key.encode()) + len(value.encode())
        if size > _CAPABILITIES_BYTES:
            break
        if key.isprintable():
            kept[key] = printable(value)
    return kept


def kept_lease(request: LeaseRequest) -> LeaseRequest:
    """Return what is kept of a request for work. An agent's process is cut as in its heartbeats, so it stays the same."""
    return bounded(request, _TOLD)
