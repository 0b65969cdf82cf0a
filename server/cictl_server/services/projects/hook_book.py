"""What is remembered of webhooks: the deliveries of three days, and which projects are still to be looked at because of one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice

import msgspec

from cictl.wire.codec import Message, decode, encode
from cictl_server.store.contract import Transaction, View
from cictl_server.store.records.settings import SettingRecord

REMEMBERED = timedelta(hours=72)
_MOST = 2000
"""How many deliveries of one project are remembered; older ones go first. A delivery that comes again does nothing but a look."""
_PENDING = "hooks_pending"
"""The setting that has all projects to look at, so that a pass over them looks up one thing."""


class _Deliveries(Message):
    """The deliveries of one project, by the beginning of their digests, the newest first."""

    last: datetime
    known: dict[str, datetime] = msgspec.field(default_factory=dict)


class _Pending(Message):
    """When the newest webhook came of each project that was not looked at since, by its id."""

    projects: dict[str, datetime] = msgspec.field(default_factory=dict)


def last_hook(view: View, project_id: int) -> datetime | None:
    """Return when the last webhook of a project came; None if none has."""
    found = _find(view, project_id)
    return found.last if found else None


def note_delivery(tx: Transaction, project_id: int, delivery: str, *, now: datetime) -> bool:
    """Note that a webhook came, and that the project is to be looked at; return False if the same *delivery* came before."""
    found = _find(tx, project_id)
    known = found.known if found else {}
    if now - known.get(delivery, now - REMEMBERED) < REMEMBERED:
        return False
    recent = islice(((name, came) for name, came in known.items() if now - came < REMEMBERED), _MOST - 1)
    _put(tx, _key(project_id), _Deliveries(last=now, known={delivery: now, **dict(recent)}))
    _put(tx, _PENDING, _Pending(projects={**pending_hooks(tx), str(project_id): now}))
    return True


def pending_hooks(view: View) -> Mapping[str, datetime]:
    """Return when the newest webhook came of each project that was not looked at since, by its id as a text."""
    setting = view.settings.find(_PENDING)
    return decode(setting.value.encode(), _Pending).projects if setting else {}


def note_look(tx: Transaction, project_id: int, *, begun: datetime) -> None:
    """Note that a look at the project has ended well which began at this time, after its webhooks up to then."""
    pending = dict(pending_hooks(tx))
    if str(project_id) in pending and pending[str(project_id)] <= begun:
        del pending[str(project_id)]
        _put(tx, _PENDING, _Pending(projects=pending))


def forget_hooks(tx: Transaction, project_id: int) -> None:
    """Forget all about the webhooks of a project, which is being deleted."""
    tx.settings.delete(_key(project_id))
    if str(project_id) in (pending := dict(pending_hooks(tx))):
        del pending[str(project_id)]
        _put(tx, _PENDING, _Pending(projects=pending))


def _key(project_id: int) -> str:
    return f"hooks/{project_id}"


def _find(view: View, project_id: int) -> _Deliveries | None:
    setting = view.settings.find(_key(project_id))
    return decode(setting.value.encode(), _Deliveries) if setting else None


def _put(tx: Transaction, key: str, value: Message) -> None:
    tx.settings.put(SettingRecord(key=key, value=encode(value).decode()))
