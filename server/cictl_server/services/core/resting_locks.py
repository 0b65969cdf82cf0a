"""Locks of executions that the server has ended while they ran: their agents need a while to end the processes.

They rest until the slot of the agent asks for other work, or a heartbeat of the agent names the execution no more, but not for
ever: the agent may be gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from cictl.wire.codec import Message, decode, encode
from cictl_server.store.contract import Transaction, View
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.settings import SettingRecord

LONGEST_REST = timedelta(seconds=20)
"""An agent is told of a cancel within ten seconds, by its next heartbeat, and then ends the processes."""

_KEY = "resting_locks"


class Rest(Message):
    """The locks of one execution that is over, which slot of which agent ran it, and until when they rest at most."""

    job_id: str
    host: str
    agent_id: str
    slot: int
    until: datetime


class _Stored(Message):
    rests: list[Rest] = msgspec.field(default_factory=list)


def rest_locks(tx: Transaction, job: JobRecord) -> None:
    """Let the locks of *job* rest, which is over just now."""
    assert job.finished is not None
    rest = Rest(
        job_id=job.id,
        host=job.lock_host,
        agent_id=job.agent_id,
        slot=job.lease_slot,
        until=job.finished + LONGEST_REST,
    )
    _put(tx, [*resting(tx, now=job.finished), rest])


def resting(view: View, *, now: datetime) -> list[Rest]:
    """Return whose locks rest, also past a clock that was set back."""
    setting = view.settings.find(_KEY)
    rests = decode(setting.value.encode(), _Stored).rests if setting else []
    return [rest for rest in rests if timedelta() < rest.until - now <= LONGEST_REST]


def rests_of(view: View, *, agent_id: str, slot: int, now: datetime) -> list[Rest]:
    """Return the rests of what a slot ran; they end when it asks for other work."""
    return [rest for rest in resting(view, now=now) if (rest.agent_id, rest.slot) == (agent_id, slot)]


def end_rests(tx: Transaction, ended: Sequence[Rest], *, now: datetime) -> None:
    _put(tx, [rest for rest in resting(tx, now=now) if rest not in ended])


def _put(tx: Transaction, rests: Iterable[Rest]) -> None:
    tx.settings.put(SettingRecord(key=_KEY, value=encode(_Stored(rests=list(rests))).decode()))
