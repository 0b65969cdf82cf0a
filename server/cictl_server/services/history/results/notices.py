"""What the end of a run changes for its branch, written down for whom the project wants to be told."""

from __future__ import annotations

from cictl.base.text.globs import PatternList
from cictl.project_file.definition import Notify, NotifyOn
from cictl.wire.notifications import NotificationState, NotificationType
from cictl.wire.runs import RunStatus
from cictl_server.services.history.results.branches import newest_with_result
from cictl_server.store.contract import Transaction, View
from cictl_server.store.records.notifications import NotificationRecord
from cictl_server.store.records.projects import ProjectRecord
from cictl_server.store.records.runs import RunRecord
from cictl_server.store.tables import RunFilter

MOST_WAITING = 1000
"""How many notifications wait for one target. What comes on top is given up at once, and says so."""

_CHANGES = {
    (RunStatus.SUCCEEDED, RunStatus.FAILED): NotificationType.FIXED,
    (RunStatus.FAILED, RunStatus.FAILED): NotificationType.STILL_FAILING,
    (RunStatus.FAILED, RunStatus.SUCCEEDED): NotificationType.BROKEN,
    (RunStatus.FAILED, None): NotificationType.BROKEN,
}
"""What a result is called after another one."""

_PLAIN = {
    RunStatus.SUCCEEDED: NotificationType.SUCCEEDED,
    RunStatus.FAILED: NotificationType.FAILED,
    RunStatus.CANCELLED: NotificationType.CANCELLED,
}


def project_of(view: View, run: RunRecord) -> ProjectRecord | None:
    """Return the project of *run*; None for a script, or when it was deleted."""
    return view.projects.find(int(run.project_id)) if run.project_id else None


def note_end(tx: Transaction, run: RunRecord) -> None:
    """Write the notifications of *run*, which has just ended. The record in the store may still be that from before."""
    project = project_of(tx, run)
    if project is None or not project.notify or run.dry_run:
        return
    newest = _newest_other(tx, run)
    previous = run.former or (newest.last_result if newest else None)
    is_outdated = newest is not None and newest.number > run.number
    type_ = _type_of(run, previous, is_outdated=is_outdated)
    wanted = [entry for entry in project.notify if _is_wanted(entry, run, type_)]
    for target, entry in {entry.target: entry for entry in wanted}.items():
        if target not in project.ended_targets:
            tx.notifications.put(_new(tx, project, run, entry, type_=type_, previous=previous))


def _newest_other(view: View, run: RunRecord) -> RunRecord | None:
    """Return the newest other run with a result that *run* is compared with: of its branch, or without any source as it is."""
    if not run.pipeline or (run.ref and not run.branch):
        return None
    where = RunFilter(project=run.project, pipeline=run.pipeline, branch=run.branch)
    return newest_with_result(
        view,
        where,
        takes=lambda other: (
            other.number != run.number and other.project_id == run.project_id and bool(other.ref) is bool(run.ref)
        ),
    )


def _type_of(run: RunRecord, previous: RunStatus | None, *, is_outdated: bool) -> NotificationType:
    is_compared = run.branch or run.tag or not run.ref  # and no pull request, nor a commit by its id
    if run.result is None or is_outdated or not is_compared:
        return _PLAIN[run.status]
    return _CHANGES.get((run.result, previous), _PLAIN[run.status])


def _is_wanted(entry: Notify, run: RunRecord, type_: NotificationType) -> bool:
    if entry.pipelines and run.pipeline not in entry.pipelines:
        return False
    if entry.branches and not (run.branch and PatternList(entry.branches).takes(run.branch)):
        return False
    return NotifyOn.ALWAYS in entry.on or type_.value in entry.on


def _new(
    tx: Transaction,
    project: ProjectRecord,
    run: RunRecord,
    entry: Notify,
    *,
    type_: NotificationType,
    previous: RunStatus | None,
) -> NotificationRecord:
    record = NotificationRecord(
        id=tx.notifications.next_id(),
        type=type_,
        project_id=project.id,
        project=project.name,
        pipeline=run.pipeline,
        branch=run.branch,
        run=run.number,
        status=run.status,
        previous=previous,
        created=run.finished or run.created,
        webhook=entry.webhook,
        secret_env=entry.secret_env,
        command=entry.command,
    )
    if tx.notifications.count_waiting(record.queue) < MOST_WAITING:
        return record
    error = f"{MOST_WAITING} others wait for this target already"
    return record.over(NotificationState.GIVEN_UP, now=record.created, error=error)
