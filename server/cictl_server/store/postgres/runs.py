"""Runs in PostgreSQL, each with a row for every place where it is found."""

from __future__ import annotations

from collections.abc import Iterator
from sys import maxsize

import msgspec

from cictl_server.store.postgres.documents import NumberedDocuments
from cictl_server.store.postgres.keys import capped, text_key
from cictl_server.store.postgres.session import Session
from cictl_server.store.records.runs import Place, RunRecord
from cictl_server.store.tables import RunFilter, Runs

_NEWEST = (
    "SELECT r.number, r.document FROM run_places p JOIN runs r USING (number)"
    " WHERE p.place = %s AND p.number < %s ORDER BY p.number DESC LIMIT %s"
)
# Each status in its own order: together they would have to be sorted, all of them at each page.
_NEWEST_OF_STATUSES = (
    "SELECT r.number, r.document FROM ("
    "  SELECT number FROM unnest(%s::text[]) AS wanted (status) CROSS JOIN LATERAL ("
    "   SELECT number FROM run_places p WHERE p.place = %s AND p.status = wanted.status AND p.number < %s"
    "   ORDER BY number DESC LIMIT %s) AS of_status"
    "  ORDER BY number DESC LIMIT %s"
    ") AS found JOIN runs r USING (number) ORDER BY r.number DESC"
)
_INSERT_PLACES = "INSERT INTO run_places (place, number, status) SELECT place, %s, %s FROM unnest(%s::text[]) AS place"
_UPDATE_PLACES = "UPDATE run_places SET status = %s WHERE number = %s AND place = ANY(%s)"
_DELETE_PLACES = "DELETE FROM run_places WHERE number = %s AND place = ANY(%s)"


class PostgresRuns(NumberedDocuments[RunRecord], Runs):
    def __init__(self, session: Session) -> None:
        super().__init__(session, "runs", RunRecord, key=lambda run: run.number, key_column="number")

    def newest_first(self, where: RunFilter, *, before: int | None = None) -> Iterator[RunRecord]:
        place, statuses = _key((where.project, where.pipeline, where.branch)), sorted(where.statuses)

        def page(last: RunRecord | None, size: int) -> list[RunRecord]:
            below = last.number if last else capped(maxsize if before is None else before)
            if statuses:
                rows = self._session.rows(_NEWEST_OF_STATUSES, statuses, place, below, size, size)
            else:
                rows = self._session.rows(_NEWEST, place, below, size)
            return list(self._decoded(rows))

        return self._session.paged(page)

    def put(self, record: RunRecord) -> None:
        self._begin_change(record.number)
        before = self.find(record.number)
        super().put(record)
        new = _keys(record)
        if before is not None and _keys(before) == new:
            if before.status is not record.status:
                self._session.change(_UPDATE_PLACES, record.status, record.number, new)
            return
        self._forget_places(before)
        self._session.change(_INSERT_PLACES, record.number, record.status, new)

    def delete(self, key: int) -> bool:
        self._begin_change(key)
        self._forget_places(self.find(key))
        return super().delete(key)

    def _document(self, key: int) -> bytes | None:
        document = super()._document(key)
        if not self._session.covers(str(key)):
            self._known.pop(key, None)  # another may change it before this transaction does
        return document

    def _begin_change(self, key: int) -> None:
        self._session.begin_change(run=str(key))

    def _forget_places(self, run: RunRecord | None) -> None:
        if run is not None:
            self._session.change(_DELETE_PLACES, run.number, _keys(run))


def _keys(run: RunRecord) -> list[str]:
    return [_key(place) for place in run.places]


def _key(place: Place) -> str:
    return text_key(msgspec.json.encode(place).decode())
