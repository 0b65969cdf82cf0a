"""Heartbeats of agents, and what admins order of them."""

from __future__ import annotations

import msgspec

from cictl.installation.releases.settings import ReleaseSettings
from cictl_server.services.agents.actions import AgentActionService
from cictl_server.services.agents.heartbeat import AgentService
from cictl_server.services.agents.removal import AgentRemoval
from cictl_server.services.agents.scripts import ScriptService
from cictl_server.services.core import Core
from cictl_server.services.fleet import Fleet
from cictl_server.services.history import History
from cictl_server.services.jobs import Jobs


class Agents(msgspec.Struct, frozen=True, kw_only=True):
    actions: AgentActionService
    heartbeat: AgentService
    removal: AgentRemoval

    @classmethod
    def build(cls, core: Core, history: History, fleet: Fleet, jobs: Jobs, *, releases: ReleaseSettings) -> Agents:
        return cls(
            actions=AgentActionService(
                store=core.store,
                cancel=jobs.cancel,
                removal=jobs.removal,
                scripts=ScriptService(
                    store=core.store,
                    settler=history.settling,
                    numbers=core.ids,
                    clock=core.clock,
                    disk=core.disk,
                    limits=history.limits,
                ),
                presence=fleet.presence,
                orders=fleet.orders,
                rollout=fleet.rollout,
                events=core.events,
                hub=core.hub,
                server_version=core.version,
                releases=releases,
            ),
            heartbeat=AgentService(
                store=core.store,
                losses=jobs.losses,
                presence=fleet.presence,
                processes=fleet.processes,
                orders=fleet.orders,
                rollout=fleet.rollout,
                wanted_tools=fleet.wanted_tools,
                limits=fleet.limits,
                events=core.events,
                hub=core.hub,
                clock=core.clock,
                server_version=core.version,
                releases=releases,
            ),
            removal=AgentRemoval(
                store=core.store,
                cancel=jobs.cancel,
                presence=fleet.presence,
                orders=fleet.orders,
                rollout=fleet.rollout,
                events=core.events,
                clock=core.clock,
                limits=fleet.limits,
            ),
        )
