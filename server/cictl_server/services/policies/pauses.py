"""Pauses of the queue: of all jobs, or of one project's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from cictl.base.clock import Clock
from cictl.wire.codec import Message, decode, encode
from cictl.wire.waiting.queue import PauseRequest, QueuePause, QueueState, ResumeRequest
from cictl_server.errors import NotFound
from cictl_server.services.core.deeds import actor_name, note_details
from cictl_server.services.core.hub import Hub
from cictl_server.services.core.names import find_project_called
from cictl_server.services.policies.reasons import checked_reason
from cictl_server.signals.topics import QUEUE
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.jobs import queue_of_project
from cictl_server.store.records.settings import SettingRecord

_KEY = "queue_pauses"
"""The setting that has all of them, so that a lease looks up one thing."""

EVERY_QUEUE = ""


class Pause(Message):
    """A pause as it is stored; `project` is the name that its project had then."""

    reason: str
    since: datetime
    project: str = ""
    by: str = ""


class _Stored(Message):
    """All pauses, by the `queue_scope` that they hold back; `EVERY_QUEUE` for all of them."""

    pauses: dict[str, Pause] = msgspec.field(default_factory=dict)


def pauses_of(view: View) -> Mapping[str, Pause]:
    """Return the pauses that hold, by the queue that they hold back."""
    setting = view.settings.find(_KEY)
    return decode(setting.value.encode(), _Stored).pauses if setting else {}


class PauseService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    hub: Hub
    clock: Clock

    def show(self) -> QueueState:
        """Return the pauses that hold; those of projects that are gone are left out."""
        with self.store.read() as view:
            return _state(view)

    def pause(self, request: PauseRequest) -> QueueState:
        """Give out no job of the project, or none at all, until `resume`. A second pause replaces the reason.

        Raises:
            InvalidRequest: No reason, or a long one.
            NotFound: No such project.
            Conflict: Several projects have that name.
        """
        reason = checked_reason(request.reason)

        def change(tx: Transaction) -> QueueState:
            queue, project = _scope(tx, request.project)
            pause = Pause(reason=reason, project=project, since=self.clock(), by=actor_name())
            self._put(tx, {**pauses_of(tx), queue: pause})
            note_details(project=project, reason=reason)
            return _state(tx)

        return self.store.write(change)

    def resume(self, request: ResumeRequest) -> QueueState:
        """End one pause; nothing happens if it does not hold.

        Raises:
            NotFound: No such project.
            Conflict: Several projects have that name.
        """

        def change(tx: Transaction) -> QueueState:
            ended, project = _scope(tx, request.project)
            self._put(tx, {queue: pause for queue, pause in pauses_of(tx).items() if queue != ended})
            note_details(project=project)
            return _state(tx)

        return self.store.write(change)

    def _put(self, tx: Transaction, pauses: dict[str, Pause]) -> None:
        tx.settings.put(SettingRecord(key=_KEY, value=encode(_Stored(pauses=pauses)).decode()))
        tx.after_commit(lambda: self.hub.publish(QUEUE))


def _scope(view: View, project: str) -> tuple[str, str]:
    """Return the queue of *project*, its name or id, and its name; `EVERY_QUEUE` if it is empty."""
    if not project:
        return EVERY_QUEUE, ""
    found = find_project_called(view, project)
    if found is None:
        raise NotFound("project")
    return queue_of_project(str(found.id)), found.name


def _state(view: View) -> QueueState:
    pauses = pauses_of(view)
    found = [_shown(pauses[EVERY_QUEUE])] if EVERY_QUEUE in pauses else []
    of_projects = (
        msgspec.structs.replace(_shown(pause), project=project.name, project_id=project.id)
        for project in view.projects.iter_all()
        if (pause := pauses.get(queue_of_project(str(project.id))))
    )
    return QueueState(pauses=[*found, *of_projects])


def _shown(pause: Pause) -> QueuePause:
    return QueuePause(reason=pause.reason, since_utc=pause.since, paused_by=pause.by)
