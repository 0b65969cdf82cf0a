"""What becomes of leases, time limits and silences when the clock is set: they last as long as if it had not been."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from cictl.wire.jobs import JobStatus
from cictl_server.services.core.clock_watch import ClockWatch
from cictl_server.services.fleet.presence import PresenceBook
from cictl_server.signals.contract import Leadership
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.jobs import JobRecord

logger = logging.getLogger(__name__)

_OPEN = tuple(status for status in JobStatus if not status.is_terminal)


class ClockJumps(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    presence: PresenceBook
    leadership: Leadership
    watch: ClockWatch

    def follow(self) -> None:
        """Move the instants by which ages are told, if the clock was set since the last call.

        Else a jump of days would end everything that runs, as overdue or as lost, and one back would keep what is lost for days.
        """
        jump = self.watch.jump()
        if not jump:
            return
        logger.warning(
            "the clock was set by %d s; leases, time limits and silences of agents don't count that",
            jump.total_seconds(),
        )
        is_leader = self.leadership.is_ours
        self.presence.clock_was_set(jump, is_leader=is_leader)
        if is_leader:
            self.store.write(lambda tx: _move_open(tx, jump))


def _move_open(tx: Transaction, jump: timedelta) -> None:
    for status in _OPEN:
        for job in list(tx.jobs.with_status(status)):
            moved = _moved(job, jump)
            if moved != job:
                tx.jobs.put(moved)


def _moved(job: JobRecord, jump: timedelta) -> JobRecord:
    return replace(
        job,
        leased=_later(job.leased, jump),
        started=_later(job.started, jump),
        not_before=_later(job.not_before, jump),
        secrets_since=_later(job.secrets_since, jump),
        approval_due=_later(job.approval_due, jump),
    )


def _later(instant: datetime | None, jump: timedelta) -> datetime | None:
    return instant and instant + jump
