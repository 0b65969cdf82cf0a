"""Writing executions: into the tables that each is in at its status, and into what is counted."""

from __future__ import annotations

from typing import NamedTuple

from cictl.wire.jobs import JobStatus
from cictl_server.store.postgres.job_columns import UNFINISHED_TYPES, JobColumns, SpecColumns, UnfinishedColumns
from cictl_server.store.postgres.job_documents import JobDocuments
from cictl_server.store.postgres.session import Session, compose

CLAIMABLE = "jobs claimable"


def status_counter(status: JobStatus) -> str:
    """Return the name of the counter of the executions with *status*."""
    return f"jobs {status.value}"


def _insert(table: str, **types: str) -> str:
    """Return the statement that inserts rows from a list for each column, which has this type."""
    return compose(
        "INSERT INTO {table} ({names}) SELECT * FROM unnest({lists})",
        table=table,
        names=", ".join(types),
        lists=", ".join(f"%s::{type_}[]" for type_ in types.values()),
    )


def _update(table: str, *names: str) -> str:
    settings = ", ".join(f"{name} = %s" for name in names)
    return compose("UPDATE {table} SET {settings} WHERE number = %s", table=table, settings=settings)


_SPEC = (*SpecColumns._fields, "document")
_PROGRESS = ("status", "agent", "document")

_INSERT_SPEC = _insert("job_specs", number="bigint", **dict.fromkeys(SpecColumns._fields, "text"), document="json")
_UPDATE_SPEC = _update("job_specs", *_SPEC)
_INSERT_JOB = _insert("jobs", number="bigint", status="text", agent="text", document="json")
_UPDATE_JOB = _update("jobs", *_PROGRESS)
_INSERT_UNFINISHED = _insert("unfinished_jobs", number="bigint", **UNFINISHED_TYPES)
_UPDATE_UNFINISHED = _update("unfinished_jobs", *UnfinishedColumns._fields)
_DELETE_UNFINISHED = "DELETE FROM unfinished_jobs WHERE number = %s"
_UPDATE_BOTH = compose("WITH progress AS ({job}) {unfinished}", job=_UPDATE_JOB, unfinished=_UPDATE_UNFINISHED)
_END = compose("WITH progress AS ({job}) {unfinished}", job=_UPDATE_JOB, unfinished=_DELETE_UNFINISHED)
_DELETE_JOB = "DELETE FROM jobs WHERE number = %s"
_DELETE_SPEC = "DELETE FROM job_specs WHERE number = %s"


class StoredJob(NamedTuple):
    """An execution as it is stored, or as a transaction has put it."""

    columns: JobColumns
    documents: JobDocuments

    @classmethod
    def of(cls, documents: JobDocuments) -> StoredJob:
        return cls(JobColumns.of(documents.record()), documents)


class JobChanges:
    """Writes the difference between what is stored of an execution and what shall be."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def insert(self, number: int, after: StoredJob) -> None:
        columns, documents = after
        self._session.insert(_INSERT_SPEC, number, *columns.spec, documents.spec.decode())
        self._session.insert(_INSERT_JOB, number, columns.status, columns.agent, documents.progress.decode())
        if columns.unfinished is not None:
            self._session.insert(_INSERT_UNFINISHED, number, *columns.unfinished)
        self._count(columns, 1)

    def update(self, number: int, before: StoredJob, after: StoredJob) -> None:
        """Write what differs; nothing if all is as it was."""
        if before == after:
            return
        self._update_spec(number, before, after)
        self._update_progress(number, before, after)
        self._count(before.columns, -1)
        self._count(after.columns, 1)

    def delete(self, number: int, before: StoredJob) -> None:
        self._session.change(_DELETE_JOB, number)
        self._session.change(_DELETE_SPEC, number)
        if before.columns.unfinished is not None:
            self._session.change(_DELETE_UNFINISHED, number)
        self._count(before.columns, -1)

    def _update_spec(self, number: int, before: StoredJob, after: StoredJob) -> None:
        if before.documents.spec != after.documents.spec:
            self._session.change(_UPDATE_SPEC, *after.columns.spec, after.documents.spec.decode(), number)

    def _update_progress(self, number: int, before: StoredJob, after: StoredJob) -> None:
        """Write the progress, and what of it tells whether and where an execution that is not over is found: in one statement if both change."""
        old, new = before.columns.unfinished, after.columns.unfinished
        progress = after.columns.status, after.columns.agent, after.documents.progress.decode(), number
        if before.documents.progress == after.documents.progress:
            self._update_unfinished(number, old, new)
        elif old == new or old is None:
            self._session.change(_UPDATE_JOB, *progress)
            self._update_unfinished(number, old, new)
        elif new is None:
            self._session.change(_END, *progress, number)
        else:
            self._session.change(_UPDATE_BOTH, *progress, *new, number)

    def _update_unfinished(
        self, number: int, before: UnfinishedColumns | None, after: UnfinishedColumns | None
    ) -> None:
        if after is None:
            if before is not None:
                self._session.change(_DELETE_UNFINISHED, number)
        elif before is None:
            self._session.insert(_INSERT_UNFINISHED, number, *after)
        elif before != after:
            self._session.change(_UPDATE_UNFINISHED, *after, number)

    def _count(self, columns: JobColumns, sign: int) -> None:
        self._session.count(status_counter(columns.status), sign)
        if columns.unfinished is not None and columns.unfinished.is_claimable:
            self._session.count(CLAIMABLE, sign)
