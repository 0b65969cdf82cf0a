"""The identity and the condition of the server."""

from __future__ import annotations

import msgspec

from cictl.base.clock import Clock
from cictl.wire.admin.server import API_VERSION, NEVER, RuntimeState, ServerInfo, ServerInstance, ServerList
from cictl.wire.words import Feature
from cictl_server.blobs.contract import Blobs
from cictl_server.services.about.agreement import Agreement
from cictl_server.services.core.limits.disk import Disk
from cictl_server.services.fleet.presence import ONLINE, STALE, PresenceBook
from cictl_server.services.projects import git
from cictl_server.signals.contract import Member, Members


class RuntimeService(msgspec.Struct, frozen=True, kw_only=True):
    presence: PresenceBook
    clock: Clock
    members: Members
    disk: Disk
    store_kind: str
    blobs: Blobs
    agreement: Agreement
    served_by: str

    @property
    def instance_id(self) -> str:
        """What tells this process from others."""
        return self.members.own.instance_id

    def info(self) -> ServerInfo:
        own = self.members.own
        return ServerInfo(
            name="cictl",
            api_version=API_VERSION,
            version=own.version,
            hostname=own.name,
            instance_id=own.instance_id,
            files=self.blobs.name,
            features=[feature.value for feature in Feature],
            store=self.store_kind,
            served_by=self.served_by,
        )

    def public_info(self) -> ServerInfo:
        """Return what strangers may know."""
        return ServerInfo(name="cictl", api_version=API_VERSION, features=[feature.value for feature in Feature])

    def servers(self) -> ServerList:
        """Return this server and the others on the same data."""
        differing = self.agreement.differing()
        return ServerList(
            servers=[_instance(one, differs=differing.get(one.instance_id, [])) for one in self.members.all()]
        )

    def state(self) -> RuntimeState:
        """Return the condition. Only agents that sent a heartbeat since the server's start are counted."""
        now = self.clock()
        seen = self.presence.reported()
        online = sum(now - s <= ONLINE for s in seen)
        stale = sum(ONLINE < now - s <= STALE for s in seen)
        has_git = git.is_available()
        reasons = ["disk full on server"] if self.disk.is_full() else []
        if not reasons and self.disk.room().is_low:
            reasons.append("disk low on server")
        if not has_git:
            reasons.append("git unavailable on server")
        if seen and not online:
            reasons.append("no online agents")
        return RuntimeState(
            mode="degraded_offline" if reasons else "normal",
            reasons=reasons,
            online_agents=online,
            stale_agents=stale,
            offline_agents=len(seen) - online - stale,
            has_any_agents=bool(seen),
            last_agent_seen_utc=max(seen, default=NEVER),
            git_available=has_git,
            server_version=self.members.own.version,
        )


def _instance(member: Member, *, differs: list[str]) -> ServerInstance:
    return ServerInstance(
        instance_id=member.instance_id,
        name=member.name,
        version=member.version,
        started_utc=member.started,
        seen_utc=member.seen,
        leads=list(member.leads),
        differs=differs,
    )
