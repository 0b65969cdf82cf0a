"""Bringing agents to a version: which agent is asked when, and when it is asked again after a failure.

An agent needs an update while its target differs from the version that it reports, so going back is an update too. A busy
agent is never asked. With one server all of this is in memory: after its start the rollout begins anew. Several share it, so an
agent is asked once whichever of them its heartbeats reach.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from cictl.base.backoff import Backoff
from cictl.base.clock import Clock
from cictl_server.services.fleet.presence import HEARTBEAT_INTERVAL
from cictl_server.services.fleet.versions import compare_versions
from cictl_server.signals.contract import Board, Signals

FIRST_DELAY = timedelta(seconds=10)
SLOT_STEP = timedelta(seconds=2)
"""The agent in slot *n* is first asked `FIRST_DELAY + n * SLOT_STEP` after the rollout's start: not all at once."""

ATTEMPT_LIMIT: timedelta = 2 * HEARTBEAT_INTERVAL + timedelta(seconds=20)
"""How long an attempt may take: two heartbeats and the time of a restart."""

_BACKOFF = Backoff(first=30, most=15 * 60)
"""The pause after a failed attempt in seconds; it doubles with each, up to `most`."""


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
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


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from one heartbeat.

    Attributes:
        target: The version to ask the agent for now; empty for none.
        lines: Lines for the agent's log.
        attempt: Number of this request, from 1.
    """

    target: str = ""
    lines: tuple[str, ...] = ()
    attempt: int = 0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is planned for one agent.

    Attributes:
        manual: The version that an admin ordered; empty for none.
        schedule: None until a heartbeat has come since.
    """

    manual: str = ""
    schedule: Schedule | None = None


class Slots(msgspec.Struct, frozen=True, kw_only=True):
    """The slots of the agents in the rollout of one version, by the order of their first heartbeats."""

    target: str
    started: datetime
    by_agent: Mapping[str, int] = msgspec.field(default_factory=dict)

    def with_agent(self, agent_id: str) -> Slots:
        """Return them with one for the agent; the one that it has, if it has one."""
        return replace(self, by_agent={agent_id: len(self.by_agent), **self.by_agent})


class _Beat(msgspec.Struct, frozen=True, kw_only=True):
    """What a heartbeat tells, for the rules below."""

    is_busy: bool
    failure: str
    now: datetime


class Rollout:
    def __init__(self, signals: Signals) -> None:
        self._clock: Clock = signals.clock
        self._plans: Board[Plan] = signals.board("rollout", Plan, is_lasting=True)
        self._slots: Board[Slots] = signals.board("rollout_slots", Slots, is_lasting=True)

    def order(self, agent_id: str, target: str) -> None:
        """Ask the agent for *target* at its next idle heartbeat. Ordered again, the attempts begin anew.

        Raises:
            StoreError: It could not be noted.
        """
        self._plans.change(agent_id, lambda _: (Plan(manual=target), None))

    def forget(self, agent_id: str) -> None:
        """Drop the plans for an agent that was removed; its slot in the rollout stays taken."""
        self._plans.remove(agent_id)

    def manual_target(self, agent_id: str) -> str:
        """Return the version that an admin ordered and the agent has not reached yet; empty for none."""
        return (self._plans.find(agent_id) or Plan()).manual

    def schedule(self, agent_id: str) -> Schedule:
        return (self._plans.find(agent_id) or Plan()).schedule or Schedule()

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
        beat = _Beat(is_busy=is_busy, failure=failure, now=self._clock())
        plan = self._plans.find(agent_id)
        if not can_update:
            return self._change(agent_id, plan, lambda old: _unable(old, beat))
        target = (plan or Plan()).manual or automatic_target
        if not target or compare_versions(target, version) == 0:
            if plan is not None:
                self._plans.remove(agent_id)
            return Decision(lines=(f"agent reported update failure: {failure}",) if failure else ())
        slots = self._slots_with(agent_id, automatic_target, plan, now=beat.now)

        def change(old: Plan | None) -> tuple[Plan, Decision]:
            return _decided(old or Plan(), target, beat, slots=slots, agent_id=agent_id)

        return self._change(agent_id, plan, change)

    def _change(
        self, agent_id: str, plan: Plan | None, change: Callable[[Plan | None], tuple[Plan | None, Decision]]
    ) -> Decision:
        """Change the plan, unless that changes nothing, as at most heartbeats while the agent is on its way."""
        state, decision = change(plan)
        return decision if state == plan else self._plans.change(agent_id, change)

    def _slots_with(self, agent_id: str, target: str, plan: Plan | None, *, now: datetime) -> Slots | None:
        """Return the slots of the automatic rollout with one for the agent; None if it needs none now.

        It needs one when its way to *target* begins, unless an admin has sent it.
        """
        if plan is not None and (plan.manual or (plan.schedule and plan.schedule.target == target)):
            return None

        def change(old: Slots | None) -> tuple[Slots, Slots]:
            slots = old if old is not None and old.target == target else Slots(target=target, started=now)
            return slots.with_agent(agent_id), slots.with_agent(agent_id)

        return self._slots.change("", change)


def _unable(old: Plan | None, beat: _Beat) -> tuple[Plan | None, Decision]:
    """Drop the plans for an agent that can't update, and keep only the failure that it last reported."""
    before = (old or Plan()).schedule or Schedule()
    kept = Schedule(last_error=before.last_error, last_error_at=before.last_error_at)
    kept, lines = _end_attempt(kept, beat)
    return Plan(schedule=kept) if kept.last_error else None, Decision(lines=lines)


def _decided(plan: Plan, target: str, beat: _Beat, *, slots: Slots | None, agent_id: str) -> tuple[Plan, Decision]:
    """Return the plan after a heartbeat of an agent that needs *target*, and what follows."""
    schedule, begun = _begin(plan, target, beat, slots=slots, agent_id=agent_id)
    schedule, ended = _end_attempt(schedule, beat)
    schedule, is_due = _start_attempt(schedule, beat)
    decision = Decision(
        target=target if is_due else "", attempt=schedule.attempts if is_due else 0, lines=begun + ended
    )
    return replace(plan, schedule=schedule), decision


def _begin(
    plan: Plan, target: str, beat: _Beat, *, slots: Slots | None, agent_id: str
) -> tuple[Schedule, tuple[str, ...]]:
    """Return the agent's schedule and lines for its log; a new one if the target changed or an admin now asks."""
    old, is_manual = plan.schedule, bool(plan.manual)
    if old is not None and old.target == target and (old.is_manual or not is_manual):
        return old, ()
    if is_manual or slots is None:
        return Schedule(target=target, is_manual=is_manual), ()
    slot = slots.by_agent[agent_id]
    due = slots.started + FIRST_DELAY + slot * SLOT_STEP  # a late agent may be due at once
    seconds = max(0, round((due - beat.now).total_seconds()))
    line = f"scheduled automatic update to {target} at {_time(due)} (in={seconds}s, slot={slot})"
    return Schedule(target=target, next_retry=due), (line,)


def back_off(attempts: int) -> timedelta:
    """Return the pause after *attempts* failed attempts."""
    return timedelta(seconds=_BACKOFF.after(attempts))


def _end_attempt(schedule: Schedule, beat: _Beat) -> tuple[Schedule, tuple[str, ...]]:
    """End an attempt that failed or took too long; return the schedule and lines for the log."""
    failure, now = beat.failure, beat.now
    if failure:
        schedule = replace(schedule, last_error=failure, last_error_at=now)
    if not schedule.is_in_progress:
        return schedule, (f"agent reported update failure: {failure}",) if failure else ()
    since = schedule.last_request
    if not failure and since is not None and now - since < ATTEMPT_LIMIT:
        return schedule, ()
    schedule = replace(schedule, is_in_progress=False)
    if beat.is_busy and not failure:
        return schedule, ()
    retry = now + back_off(schedule.attempts)
    what = f"failed: {failure}" if failure else "did not complete"
    line = f"update attempt to {schedule.target} {what}; retry at {_time(retry)} (attempt={schedule.attempts})"
    return replace(schedule, next_retry=retry), (line,)


def _start_attempt(schedule: Schedule, beat: _Beat) -> tuple[Schedule, bool]:
    """Begin an attempt if the time has come, and tell whether it did."""
    is_early = schedule.next_retry is not None and beat.now < schedule.next_retry
    if beat.is_busy or schedule.is_in_progress or is_early:
        return schedule, False
    attempts = schedule.attempts + 1
    return replace(schedule, attempts=attempts, is_in_progress=True, last_request=beat.now, next_retry=None), True


def _time(moment: datetime) -> str:
    return f"{moment.astimezone():%H:%M:%S}"
