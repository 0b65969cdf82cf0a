"""The agents as places for jobs: who could take one now, and with which capabilities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec

from cictl.wire.jobs import JobStatus
from cictl.wire.waiting.requirements import CONTAINER_TOOL, SHELL, TOOL, meets, meets_all
from cictl.wire.words import JobFeature
from cictl_server.services.fleet.presence import PresenceBook
from cictl_server.store.contract import Store
from cictl_server.store.records.agents import AgentRecord
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.tables import Kind

_REMEMBERED = 512
"""Offers that are remembered, and requirements that each of them remembers."""


class Matching(msgspec.Struct, frozen=True, kw_only=True):
    """Finds the agents that could take a job now."""

    store: Store
    presence: PresenceBook

    def candidates(self) -> list[Candidate]:
        """Return the agents that are neither deactivated nor drain, and were heard of within the last minute, by id."""
        with self.store.read() as view:
            records = list(view.agents.iter_all())
        return [
            Candidate(agent_id=r.agent_id, capabilities=effective_capabilities(r, agent_id=r.agent_id))
            for r in records
            if not r.is_withdrawn and self.presence.is_available(r.agent_id)
        ]


def effective_capabilities(
    record: AgentRecord | None, *, agent_id: str, overlay: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the capabilities that leasing matches. Later ones win.

    They are: os, arch and capabilities of the last heartbeat, then *overlay*, then the agent's own id.
    """
    known = {} if record is None else {"os": record.os, "arch": record.arch, **record.capabilities}
    return {**known, **(overlay or {}), "agent_id": agent_id}


class Offer:
    """What one agent offers. It remembers what it meets, because agents ask again and again for the same few kinds of work."""

    def __init__(self, capabilities: frozenset[tuple[str, str]]) -> None:
        self._capabilities = dict(capabilities)
        self._met: dict[tuple[tuple[str, str], ...], bool] = {}

    def meets(self, kind: Kind) -> bool:
        """Tell whether the agent meets the requirements of *kind*."""
        met = self._met.get(kind.requirements)
        if met is None:
            if len(self._met) >= _REMEMBERED:
                self._met.clear()
            met = self._met[kind.requirements] = meets_all(kind.needs, self._capabilities)
        return met


class Offers:
    """The offers of the agents that asked last."""

    def __init__(self) -> None:
        self._known = lru_cache(_REMEMBERED)(Offer)

    def of(self, record: AgentRecord | None, *, agent_id: str, overlay: Mapping[str, str]) -> Offer:
        """Return what an agent offers, as `effective_capabilities` has it: the same object while that stays the same."""
        return self._known(frozenset(effective_capabilities(record, agent_id=agent_id, overlay=overlay).items()))


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as a place for jobs, with the capabilities that leasing would match."""

    agent_id: str
    capabilities: Mapping[str, str]


def unmet_requirements(job: JobRecord, candidates: Iterable[Candidate]) -> list[str]:
    """Return why no agent could take *job* now, sorted; empty when one could, or when it is not queued."""
    return unmet_by_all(job.required_capabilities, candidates) if job.status is JobStatus.QUEUED else []


def unmet_by_all(required: Mapping[str, str], candidates: Iterable[Candidate]) -> list[str]:
    """Return why no agent meets what is *required*, sorted; empty when one does.

    Requirements that no agent meets are named. If each is met by some agent but no agent meets all, those are named that
    the agent with the fewest unmet ones lacks.
    """
    agents = list(candidates)
    if not agents:
        return ["no agents connected"]
    lacking = [[(k, v) for k, v in required.items() if not meets(k, v, agent.capabilities)] for agent in agents]
    everywhere = [(k, v) for k, v in required.items() if all((k, v) in lack for lack in lacking)]
    return sorted(_unmet_text(k, v, agents) for k, v in everywhere or min(lacking, key=len))


def _unmet_text(key: str, value: str, agents: list[Candidate]) -> str:
    """Return the contract's wording; user interfaces match the three tool texts."""
    assert not key.startswith(CONTAINER_TOOL), "container tools are checked by the agent"
    if key.startswith(SHELL):
        return f"no agent with shell={key.removeprefix(SHELL)}"
    if key in list(JobFeature):
        return f"no agent that does what the job asks for ({key}); update an agent"
    if not key.startswith(TOOL):
        return f"no agent with {key}={value}"
    tool = key.removeprefix(TOOL)
    if not any(agent.capabilities.get(f"tool.{tool}", "").strip() for agent in agents):
        return f"missing tool {tool}"
    if value.strip() in ("", "*"):
        return f"tool {tool} unavailable"
    return f"tool {tool} does not satisfy {value}"
