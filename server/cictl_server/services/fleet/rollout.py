"""Bringing agents to a version: which agent is asked when, and when it is asked again after a failure.

An agent needs an update while its target differs from the version that it reports, so going back is an update too. A busy
agent is never asked. All of this is in memory: after a start of the server the rollout begins anew.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cictl.base.backoff import Backoff
from cictl.base.clock import Clock
from cictl_server.services.fleet.presence import HEARTBEAT_INTERVAL
from cictl_server.services.fleet.versions import compare_versions

FIRST_DELAY = timedelta(seconds=10)
SLOT_STEP = timedelta(seconds=2)
"""The agent in slot *n* is first asked `FIRST_DELAY + n * SLOT_STEP` after the rollout's start: not all at once."""

ATTEMPT_LIMIT: timedelta = 2 * HEARTBEAT_INTERVAL + timedelta(seconds=20)
"""How long an attempt may take: two heartbeats and the time of a restart."""

_BACKOFF = Backoff(first=30, most=15 * 60)
"""The pause after a failed attempt in seconds; it doubles with each, up to `most`."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How far one agent is on its way to a version.

    Attributes:
        target: Empty when the agent needs nothing.
        is_manual: An admin asked for it, so there is no first delay.
        attempts: How often the agent was asked.
        is_in_progress: It was asked and has neither failed nor exceeded `ATTEMPT_LIMIT`.
    """

    target: str = ""
    is_manual: bool = False
    attempts: int = 0
    is_in_progress: bool = False
    last_request: datetime | None = None
    next_retry: datetime | None = None
    last_error: str = ""
    last_error_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What follows from one heartbeat.

    Attributes:
        target: The version to ask the agent for now; empty for none.
        lines: Lines for the agent's log.
        attempt: Number of this request, from 1.
    """

    target: str = ""
    lines: tuple[str, ...] = ()
    attempt: int = 0


@dataclass
class _Slots:
    """The slots of the agents in the rollout of one version, by the order of their first heartbeats."""

    target: str
    started: datetime
    by_agent: dict[str, int] = field(default_factory=dict)


class Rollout:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._slots: _Slots | None = None
        self._manual: dict[str, str] = {}
        self._schedules: dict[str, Schedule] = {}

    def order(self, agent_id: str, target: str) -> None:
        """Ask the agent for *target* at its next idle heartbeat. Ordered again, the attempts begin anew."""
        with self._lock:
            self._manual[agent_id] = target
            self._schedules.pop(agent_id, None)

    def forget(self, agent_id: str) -> None:
        """Drop the plans for an agent that was removed; its slot in the rollout stays taken."""
        with self._lock:
            self._manual.pop(agent_id, None)
            self._schedules.pop(agent_id, None)

    def manual_target(self, agent_id: str) -> str:
        """Return the version that an admin ordered and the agent has not reached yet; empty for none."""
        with self._lock:
            return self._manual.get(agent_id, "")

    def schedule(self, agent_id: str) -> Schedule:
        with self._lock:
            return self._schedules.get(agent_id, Schedule())

    def beat(
        self,
        agent_id: str,
        *,
        version: str,
        automatic_target: str,
        is_busy: bool,
        failure: str,
        can_update: bool = True,
    ) -> Decision:
        """Decide at a heartbeat whether the agent is asked to update.

        Args:
            version: The version that it runs.
            automatic_target: The version that every agent is to run; empty for none.
            is_busy: It holds an execution.
            failure: Why its last attempt failed, on one line; empty when it reports no failure.
            can_update: Whether it can install the releases of this server; else it is never asked.
        """
        with self._lock:
            if not can_update:
                return self._note_unable(agent_id, failure)
            manual = self._manual.get(agent_id, "")
            target = manual or automatic_target
            if not target or compare_versions(target, version) == 0:
                self._manual.pop(agent_id, None)
                self._schedules.pop(agent_id, None)
                return Decision(lines=(f"agent reported update failure: {failure}",) if failure else ())
            schedule, begun = self._begin(agent_id, target, is_manual=bool(manual))
            schedule, ended = _end_attempt(schedule, now=self._clock(), is_busy=is_busy, failure=failure)
            schedule, is_due = _start_attempt(schedule, now=self._clock(), is_busy=is_busy)
            self._schedules[agent_id] = schedule
        return Decision(
            target=target if is_due else "", attempt=schedule.attempts if is_due else 0, lines=begun + ended
        )

    def _note_unable(self, agent_id: str, failure: str) -> Decision:
        """Drop the plans for an agent that can't update, and keep only the failure that it last reported."""
        self._manual.pop(agent_id, None)
        old = self._schedules.pop(agent_id, Schedule())
        kept = Schedule(last_error=old.last_error, last_error_at=old.last_error_at)
        kept, lines = _end_attempt(kept, now=self._clock(), is_busy=False, failure=failure)
        if kept.last_error:
            self._schedules[agent_id] = kept
        return Decision(lines=lines)

    def _begin(self, agent_id: str, target: str, *, is_manual: bool) -> tuple[Schedule, tuple[str, ...]]:
        """Return the agent's schedule and lines for its log; a new one if the target changed or an admin now asks."""
        old = self._schedules.get(agent_id)
        if old is not None and old.target == target and (old.is_manual or not is_manual):
            return old, ()
        if is_manual:
            return Schedule(target=target, is_manual=True), ()
        now = self._clock()
        due, slot = self._place(agent_id, target, now)
        seconds = max(0, round((due - now).total_seconds()))
        line = f"scheduled automatic update to {target} at {_time(due)} (in={seconds}s, slot={slot})"
        return Schedule(target=target, next_retry=due), (line,)

    def _place(self, agent_id: str, target: str, now: datetime) -> tuple[datetime, int]:
        """Return when the agent's turn in the rollout is, and its slot. A late agent may be due at once."""
        if self._slots is None or self._slots.target != target:
            self._slots = _Slots(target=target, started=now)
        slot = self._slots.by_agent.setdefault(agent_id, len(self._slots.by_agent))
        return self._slots.started + FIRST_DELAY + slot * SLOT_STEP, slot


def back_off(attempts: int) -> timedelta:
    """Return the pause after *attempts* failed attempts."""
    return timedelta(seconds=_BACKOFF.after(attempts))


def _end_attempt(schedule: Schedule, *, now: datetime, is_busy: bool, failure: str) -> tuple[Schedule, tuple[str, ...]]:
    """End an attempt that failed or took too long; return the schedule and lines for the log."""
    if failure:
        schedule = replace(schedule, last_error=failure, last_error_at=now)
    if not schedule.is_in_progress:
        return schedule, (f"agent reported update failure: {failure}",) if failure else ()
    since = schedule.last_request
    if not failure and since is not None and now - since < ATTEMPT_LIMIT:
        return schedule, ()
    schedule = replace(schedule, is_in_progress=False)
    if is_busy and not failure:
        return schedule, ()
    retry = now + back_off(schedule.attempts)
    what = f"failed: {failure}" if failure else "did not complete"
    line = f"update attempt to {schedule.target} {what}; retry at {_time(retry)} (attempt={schedule.attempts})"
    return replace(schedule, next_retry=retry), (line,)


def _start_attempt(schedule: Schedule, *, now: datetime, is_busy: bool) -> tuple[Schedule, bool]:
    """Begin an attempt if the time has come, and tell whether it did."""
    is_early = schedule.next_retry is not None and now < schedule.next_retry
    if is_busy or schedule.is_in_progress or is_early:
        return schedule, False
    attempts = schedule.attempts + 1
    return replace(schedule, attempts=attempts, is_in_progress=True, last_request=now, next_retry=None), True


def _time(moment: datetime) -> str:
    return f"{moment.astimezone():%H:%M:%S}"
