"""Notifications as admins see them, and trying whether they would arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from uuid import uuid4

import msgspec
from msgspec.structs import replace

from cictl.project_file.definition import Notify
from cictl.wire.notifications import (
    Notification,
    NotificationBody,
    NotificationList,
    NotificationState,
    NotificationTest,
    NotificationTests,
    NotificationType,
)
from cictl_server.errors import Conflict, InvalidRequest
from cictl_server.services.core.names import find_scope
from cictl_server.services.notifications.parcels import NotDelivered, Parcel
from cictl_server.services.notifications.sender import Sender
from cictl_server.services.projects.lookup import get_project
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.notifications import NotificationRecord
from cictl_server.store.records.projects import ProjectRecord

Sees = Callable[[int, str], bool]
"""Tells whether notifications of a project, by id and name, are shown."""


class NotificationQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which notifications to list; an empty field takes all.

    Attributes:
        project: Name or id of a project.
        state: One of `NotificationState`.
        cursor: The `next_cursor` of an earlier list: go on below it.
    """

    project: str = ""
    state: str = ""
    cursor: str = ""


class NotificationService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    sender: Sender

    def list_notifications(self, query: NotificationQuery, *, limit: int, sees: Sees) -> NotificationList:
        """Return notifications, newest first, at most *limit*.

        Raises:
            InvalidRequest: An unknown state, or a cursor that no list gave.
            Conflict: Several projects bear the name.
        """
        with self.store.read() as view:
            found = (record for record in _matching(view, query) if sees(record.project_id, record.project))
            records = list(islice(found, limit))
            has_more = next(found, None) is not None
        cursor = str(records[-1].id) if has_more else ""
        return NotificationList(notifications=list(map(_view, records)), next_cursor=cursor)

    def test(self, project_id: int) -> NotificationTests:
        """Send a test to each target of a project, all at once. A target that was gone and takes it gets messages again.

        Raises:
            NotFound: No such project.
            Conflict: Its file names no target.
        """
        project = self.store.look(lambda view: get_project(view, project_id))
        targets = list({entry.target: entry for entry in project.notify}.values())
        if not targets:
            raise Conflict("the project tells nobody", hint="`notify` of its project file names whom")
        with ThreadPoolExecutor(len(targets)) as pool:
            results = list(pool.map(lambda entry: self._try(project, entry), targets))
        back = {result.target for result in results if result.delivered} & {*project.ended_targets}
        if back:
            self.store.write(lambda tx: _reopen(tx, project_id, back))
        return NotificationTests(results=results)

    def _try(self, project: ProjectRecord, entry: Notify) -> NotificationTest:
        body = NotificationBody(
            type=NotificationType.TEST,
            project=project.name,
            pipeline="",
            branch="",
            run=0,
            status="",
            previous="",
            url="",
        )
        parcel = Parcel(
            message_id=f"msg_{uuid4().hex}",
            body=body,
            project_id=project.id,
            webhook=entry.webhook,
            secret_env=entry.secret_env,
            command=entry.command,
        )
        try:
            self.sender.send(parcel)
        except NotDelivered as error:
            return NotificationTest(target=entry.target, delivered=False, error=str(error))
        return NotificationTest(target=entry.target, delivered=True)


def _reopen(tx: Transaction, project_id: int, targets: set[str]) -> None:
    project = tx.projects.find(project_id)
    if project is not None:
        ended = [target for target in project.ended_targets if target not in targets]
        tx.projects.put(replace(project, ended_targets=ended))


def _matching(view: View, query: NotificationQuery) -> Iterator[NotificationRecord]:
    state = _state(query.state)
    project, project_id = find_scope(view, project=query.project, pipeline="")
    for record in view.notifications.newest_first(before=_number(query.cursor)):
        is_of_project = not project or (
            record.project_id == int(project_id) if project_id else record.project == project
        )
        if is_of_project and state in (None, record.state):
            yield record


def _state(text: str) -> NotificationState | None:
    try:
        return NotificationState(text) if text else None
    except ValueError:
        raise InvalidRequest(f'state "{text}" is unknown', hint="one of: " + ", ".join(NotificationState)) from None


def _number(cursor: str) -> int | None:
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise InvalidRequest("invalid cursor", hint="use the next_cursor of the list before")
    return int(cursor)


def _view(record: NotificationRecord) -> Notification:
    return Notification(
        id=record.id,
        message_id=record.message_id,
        type=record.type,
        project=record.project,
        pipeline=record.pipeline,
        branch=record.branch,
        run=record.run,
        status=record.status,
        previous=record.previous,
        target=record.target,
        state=record.state,
        attempts=record.attempts,
        created_utc=record.created,
        next_attempt_utc=record.next_attempt,
        finished_utc=record.finished,
        error=record.error,
    )
