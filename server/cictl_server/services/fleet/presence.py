"""When each agent was last heard of. It is on a board of the signals, because a heartbeat must not cost a write of the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from cictl.base.clock import Clock
from cictl.wire.agents import AgentProcess
from cictl_server.signals.contract import Board, Signals
from cictl_server.store.records.agents import AgentRecord

HEARTBEAT_INTERVAL = timedelta(seconds=10)
"""How often agents send heartbeats."""

ONLINE = timedelta(seconds=20)
STALE = timedelta(seconds=60)
"""An agent is online up to the first age of its last sign of life, stale up to the second, and then offline."""

_LOG_LINES = 30
_HEARTBEAT = " heartbeat version="
_SIGN, _BEAT = "sign", "beat"


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one agent besides its record.

    Attributes:
        seen: Its last sign of life.
        has_reported: It has sent a heartbeat, since this began to be kept.
        greeting: That of its process.
        running: The executions that its last heartbeat named.
        rival: The last process with its id that was refused, at `rival_seen`.
        tools_looked_for: Id of the list of tools that it has looked for; None if it looks for none on demand.
        log: Lines about it, the newest last.
    """

    seen: datetime
    has_reported: bool = False
    greeting: str = ""
    running: frozenset[str] = frozenset()
    is_draining: bool = False
    rival: AgentProcess | None = None
    rival_seen: datetime | None = None
    tools_looked_for: str | None = None
    log: tuple[str, ...] = ()


class PresenceBook:
    """The last sign of life of each agent, and the last lines of its log, whichever server heard it.

    What another server heard is known about two seconds later. Rules that a repeat at another server must not deceive, as
    that of the greeting, change the board at once instead.
    """

    def __init__(self, signals: Signals, known: Mapping[str, datetime]) -> None:
        """Begin with the agents in the store and when each was last seen, besides those that other servers know."""
        self._clock: Clock = signals.clock
        self._signals = signals
        self._set_by = timedelta()
        self._board: Board[Presence] = signals.board("presence", Presence, is_lasting=False)
        for agent_id, seen in known.items():
            if self._board.find(agent_id) is None:
                self._board.gather(agent_id, _known_since(seen))

    @property
    def listening_since(self) -> datetime:
        """Since when agents could make themselves heard without a break."""
        return self._signals.listening_since + self._set_by

    def clock_was_set(self, jump: timedelta, *, is_leader: bool) -> None:
        """Let agents have been silent for no longer, and no shorter, than if the clock had not been set by *jump*.

        Args:
            is_leader: Move what all servers know, too, which one of them does. They have one clock.
        """
        self._set_by += jump
        if not is_leader:
            return

        def move(old: Presence | None) -> Presence | None:
            return old and msgspec.structs.replace(
                old, seen=old.seen + jump, rival_seen=old.rival_seen and old.rival_seen + jump
            )

        for agent_id in self._board.states():
            self._board.gather(agent_id, move)

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
        told = {
            "has_reported": True,
            "running": frozenset(running),
            "is_draining": is_draining,
            "tools_looked_for": tools_looked_for,
        }

        def change(old: Presence | None) -> Presence:
            entry = old or Presence(seen=now)
            log = entry.log[:-1] if entry.log and _HEARTBEAT in entry.log[-1] else entry.log
            return msgspec.structs.replace(entry, seen=max(entry.seen, now), log=_newest([*log, line]), **told)

        entry = self._board.find(agent_id)
        is_routine = entry is not None and all(getattr(entry, name) == value for name, value in told.items())
        self._board.gather(agent_id, change, replaces=_BEAT if is_routine else "")
        return (entry is not None and entry.is_draining) is not is_draining

    def is_draining(self, agent_id: str) -> bool:
        """Tell whether the agent's last heartbeat said that it begins no execution until those that it runs are over."""
        entry = self._board.find(agent_id)
        return entry is not None and entry.is_draining

    def note_rival(self, agent_id: str, rival: AgentProcess) -> bool:
        """Note that a second process with the agent's id was refused; tell whether it is another one than the last."""
        now = self._clock()

        def change(old: Presence | None) -> Presence:
            return msgspec.structs.replace(old or Presence(seen=now), rival=rival, rival_seen=now)

        entry = self._board.find(agent_id)
        is_known = entry is not None and entry.rival == rival
        self._board.gather(agent_id, change, replaces="rival" if is_known else "")
        return not is_known

    def rival(self, agent_id: str) -> AgentProcess | None:
        """Return the process with the agent's id that was refused within the last minute; None if none was."""
        entry = self._board.find(agent_id)
        if entry is None or entry.rival_seen is None or self._clock() - entry.rival_seen > STALE:
            return None
        return entry.rival

    def has_reported(self, agent_id: str) -> bool:
        """Tell whether the agent has sent a heartbeat since this is kept."""
        entry = self._board.find(agent_id)
        return entry is not None and entry.has_reported

    def has_fixed_tools(self, agent_id: str) -> bool:
        """Tell whether the agent has reported, and looks for no tools on demand."""
        entry = self._board.find(agent_id)
        return entry is not None and entry.has_reported and entry.tools_looked_for is None

    def is_asked(self, agent_id: str, list_id: str) -> bool:
        """Tell whether the agent is there, looks for tools on demand, and has not yet looked for those of this list."""
        entry = self._board.find(agent_id)
        if entry is None or entry.tools_looked_for is None or self._clock() - entry.seen > STALE:
            return False
        return entry.tools_looked_for != list_id

    def says_it_runs(self, agent_id: str, job_id: str) -> bool:
        """Tell whether the agent is online and its last heartbeat named the execution."""
        entry = self._board.find(agent_id)
        return entry is not None and job_id in entry.running and self._clock() - entry.seen <= ONLINE

    def is_new_start(self, agent_id: str, greeting: str) -> bool:
        """Note the *greeting* of an agent's process, and tell whether it proves that the process is a new one.

        Call it before `beat`. A known greeting proves nothing: it is a repeat, because its answer was lost, or it came
        late. Nor does the first message of an agent since this is kept: that may be a repeat too. Of two servers that get
        one greeting at once, one is told that it is new.

        Raises:
            StoreError: What other servers heard can't be read.
        """
        now = self._clock()

        def change(old: Presence | None) -> tuple[Presence, bool]:
            entry = old or Presence(seen=now)
            return msgspec.structs.replace(entry, greeting=greeting), entry.has_reported and entry.greeting != greeting

        return self._board.change(agent_id, change)

    def touch(self, agent_id: str) -> None:
        """Count a request other than a heartbeat as a sign of life of an agent that is already known."""
        now = self._clock()

        def change(old: Presence | None) -> Presence | None:
            return old and msgspec.structs.replace(old, seen=max(old.seen, now))

        self._board.gather(agent_id, change, replaces=_SIGN)

    def note(self, agent_id: str, message: str) -> None:
        """Add a line about the agent, with the server's local time."""
        now = self._clock()
        line = _line(now, message)

        def change(old: Presence | None) -> Presence:
            entry = old or Presence(seen=now)
            return msgspec.structs.replace(entry, log=_newest([*entry.log, line]))

        self._board.gather(agent_id, change)

    def forget(self, agent_id: str) -> None:
        """Forget an agent that was removed."""
        self._board.remove(agent_id)

    def seen_at(self, agent_id: str) -> datetime | None:
        """Return when the agent was last heard of; None if it never was."""
        entry = self._board.find(agent_id)
        return entry.seen if entry else None

    def lines(self, agent_id: str) -> list[str]:
        """Return up to 30 lines about the agent, the newest last."""
        entry = self._board.find(agent_id)
        return list(entry.log) if entry else []

    def reported(self) -> list[datetime]:
        """Return when each agent was last heard of that has sent a heartbeat since this is kept."""
        return [entry.seen for entry in self._board.states().values() if entry.has_reported]

    def is_online(self, agent_id: str) -> bool:
        """Tell whether the agent was heard of within two heartbeat intervals."""
        seen = self.seen_at(agent_id)
        return seen is not None and self._clock() - seen <= ONLINE

    def is_gone(self, record: AgentRecord) -> bool:
        """Tell whether the agent has been silent for more than a minute in which it could be heard.

        What another server has only just heard of it is in its record, if it is new.
        """
        seen = self.seen_at(record.agent_id) or record.seen
        return self._clock() - max(seen, self.listening_since) > STALE

    def is_available(self, agent_id: str) -> bool:
        """Tell whether the agent was heard of within the last minute."""
        seen = self.seen_at(agent_id)
        return seen is not None and self._clock() - seen <= STALE


def _known_since(seen: datetime) -> Callable[[Presence | None], Presence]:
    """Return the change that makes an agent of the store known."""
    return lambda old: old or Presence(seen=seen)


def _line(now: datetime, message: str) -> str:
    """Return a line in the contract's form: server local time without a year, then the message."""
    return f"{now.astimezone():%a %d %b %H:%M:%S} {message}"


def _newest(lines: list[str]) -> tuple[str, ...]:
    return tuple(lines[-_LOG_LINES:])
