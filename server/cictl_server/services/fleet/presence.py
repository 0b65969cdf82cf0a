"""When each agent was last heard of. In memory only, because a heartbeat must not cost a write."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cictl.base.clock import Clock
from cictl.wire.agents import AgentProcess

HEARTBEAT_INTERVAL = timedelta(seconds=10)
"""How often agents send heartbeats."""

ONLINE = timedelta(seconds=20)
STALE = timedelta(seconds=60)
"""An agent is online up to the first age of its last sign of life, stale up to the second, and then offline."""

_LOG_LINES = 30
_HEARTBEAT = " heartbeat version="


@dataclass
class _Presence:
    seen: datetime
    has_reported: bool = False
    greeting: str = ""
    running: frozenset[str] = frozenset()
    is_draining: bool = False
    rival: AgentProcess | None = None
    rival_seen: datetime | None = None
    tools_looked_for: str | None = None
    log: deque[str] = field(default_factory=lambda: deque(maxlen=_LOG_LINES))


class PresenceBook:
    """The last sign of life of each agent, and the last lines of its log."""

    def __init__(self, clock: Clock, known: Mapping[str, datetime]) -> None:
        """Begin with the agents in the store and when each was last seen; none has reported yet."""
        self._clock = clock
        self._begun = clock()
        self._lock = threading.Lock()
        self._entries = {agent_id: _Presence(seen=seen) for agent_id, seen in known.items()}

    def beat(
        self,
        agent_id: str,
        *,
        version: str,
        platform: str,
        running: Iterable[str] = (),
        is_draining: bool = False,
        tools_looked_for: str | None = None,
    ) -> bool:
        """Note a heartbeat. It replaces a heartbeat line before it, so that heartbeats push no other lines out.

        Args:
            running: Ids of the executions that the agent says it runs.
            is_draining: Whether it begins no other ones.
            tools_looked_for: Id of the list of tools that it has looked for; None if it looks for none on demand.

        Returns:
            Whether *is_draining* has changed.
        """
        now = self._clock()
        line = _line(now, f"heartbeat version={version} platform={platform}")
        with self._lock:
            entry = self._entries.setdefault(agent_id, _Presence(seen=now))
            entry.seen, entry.has_reported, entry.running = now, True, frozenset(running)
            has_changed, entry.is_draining = entry.is_draining is not is_draining, is_draining
            entry.tools_looked_for = tools_looked_for
            if entry.log and _HEARTBEAT in entry.log[-1]:
                entry.log[-1] = line
            else:
                entry.log.append(line)
            return has_changed

    def is_draining(self, agent_id: str) -> bool:
        """Tell whether the agent's last heartbeat said that it begins no execution until those that it runs are over."""
        with self._lock:
            entry = self._entries.get(agent_id)
            return entry is not None and entry.is_draining

    def note_rival(self, agent_id: str, rival: AgentProcess) -> bool:
        """Note that a second process with the agent's id was refused; tell whether it is another one than the last."""
        now = self._clock()
        with self._lock:
            entry = self._entries.setdefault(agent_id, _Presence(seen=now))
            is_new, entry.rival, entry.rival_seen = entry.rival != rival, rival, now
            return is_new

    def rival(self, agent_id: str) -> AgentProcess | None:
        """Return the process with the agent's id that was refused within the last minute; None if none was."""
        with self._lock:
            entry = self._entries.get(agent_id)
            if entry is None or entry.rival_seen is None or self._clock() - entry.rival_seen > STALE:
                return None
            return entry.rival

    def has_fixed_tools(self, agent_id: str) -> bool:
        """Tell whether the agent has reported, and looks for no tools on demand."""
        with self._lock:
            entry = self._entries.get(agent_id)
            return entry is not None and entry.has_reported and entry.tools_looked_for is None

    def is_asked(self, agent_id: str, list_id: str) -> bool:
        """Tell whether the agent is there, looks for tools on demand, and has not yet looked for those of this list."""
        with self._lock:
            entry = self._entries.get(agent_id)
            if entry is None or entry.tools_looked_for is None or self._clock() - entry.seen > STALE:
                return False
            return entry.tools_looked_for != list_id

    def says_it_runs(self, agent_id: str, job_id: str) -> bool:
        """Tell whether the agent is online and its last heartbeat named the execution."""
        with self._lock:
            entry = self._entries.get(agent_id)
            return entry is not None and job_id in entry.running and self._clock() - entry.seen <= ONLINE

    def is_new_start(self, agent_id: str, greeting: str) -> bool:
        """Note the *greeting* of an agent's process, and tell whether it proves that the process is a new one.

        Call it before `beat`. A known greeting proves nothing: it is a repeat, because its answer was lost, or it came
        late. Nor does the first message of an agent since the server's start: that may be a repeat too.
        """
        with self._lock:
            entry = self._entries.setdefault(agent_id, _Presence(seen=self._clock()))
            is_proof = entry.has_reported and entry.greeting != greeting
            entry.greeting = greeting
            return is_proof

    def touch(self, agent_id: str) -> None:
        """Count a request other than a heartbeat as a sign of life of an agent that is already known."""
        with self._lock:
            if entry := self._entries.get(agent_id):
                entry.seen = self._clock()

    def note(self, agent_id: str, message: str) -> None:
        """Add a line about the agent, with the server's local time."""
        now = self._clock()
        with self._lock:
            self._entries.setdefault(agent_id, _Presence(seen=now)).log.append(_line(now, message))

    def forget(self, agent_id: str) -> None:
        """Forget an agent that was removed."""
        with self._lock:
            self._entries.pop(agent_id, None)

    def seen_at(self, agent_id: str) -> datetime | None:
        """Return when the agent was last heard of; None if it never was."""
        with self._lock:
            entry = self._entries.get(agent_id)
            return entry.seen if entry else None

    def lines(self, agent_id: str) -> list[str]:
        """Return up to 30 lines about the agent, the newest last."""
        with self._lock:
            entry = self._entries.get(agent_id)
            return list(entry.log) if entry else []

    def reported(self) -> list[datetime]:
        """Return when each agent was last heard of that has sent a heartbeat since the server's start."""
        with self._lock:
            return [entry.seen for entry in self._entries.values() if entry.has_reported]

    def has_reported(self, agent_id: str) -> bool:
        """Tell whether the agent has sent a heartbeat since the server's start."""
        with self._lock:
            entry = self._entries.get(agent_id)
            return entry is not None and entry.has_reported

    def is_online(self, agent_id: str) -> bool:
        """Tell whether the agent was heard of within two heartbeat intervals."""
        seen = self.seen_at(agent_id)
        return seen is not None and self._clock() - seen <= ONLINE

    def is_gone(self, agent_id: str) -> bool:
        """Tell whether the agent has been silent for more than a minute in which this server could hear it."""
        seen = self.seen_at(agent_id)
        return seen is None or self._clock() - max(seen, self._begun) > STALE

    def is_available(self, agent_id: str) -> bool:
        """Tell whether the agent was heard of within the last minute."""
        seen = self.seen_at(agent_id)
        return seen is not None and self._clock() - seen <= STALE


def _line(now: datetime, message: str) -> str:
    """Return a line in the contract's form: server local time without a year, then the message."""
    return f"{now.astimezone():%a %d %b %H:%M:%S} {message}"
