"""Tests in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from cictl_server.store.postgres.documents import NamedDocuments
from cictl_server.store.postgres.keys import text_key
from cictl_server.store.postgres.session import Session, compose
from cictl_server.store.tables import TestFilter, Tests
from cictl_server.store.tried import TriedTest

_COLUMNS = ("project", "pipeline", "name", "is_flaky", "slowness")
_FIND_ALL = "SELECT key, document FROM tests WHERE key = ANY(%s)"
_PAGE = (
    "SELECT key, document FROM tests WHERE {condition} AND (project, pipeline, name, key) > (%s, %s, %s, %s)"
    " ORDER BY project, pipeline, name, key LIMIT %s"
)
_SLOWEST = (
    "SELECT key, document FROM tests WHERE {condition} AND (slowness, key) < (%s, %s)"
    " ORDER BY slowness DESC, key DESC LIMIT %s"
)
_NAMED = "SELECT key, document FROM tests WHERE name = %s ORDER BY project, pipeline, name, key"
_SLOWER_THAN_ALL = float("inf")


class PostgresTests(NamedDocuments[TriedTest], Tests):
    def __init__(self, session: Session) -> None:
        super().__init__(session, "tests", TriedTest, key=lambda test: test.key, columns=_COLUMNS)

    def find_all(self, keys: Collection[str]) -> dict[str, TriedTest]:
        found: dict[str, bytes] = dict(self._session.rows(_FIND_ALL, list(keys)))
        if self._session.can_change:
            self._known.update(found)
        return {key: self._decoder.decode(document) for key, document in found.items()}

    def in_order(self, where: TestFilter, *, after: TriedTest | None = None) -> Iterator[TriedTest]:
        condition, values = _condition(where)
        statement = compose(_PAGE, condition=condition)

        def page(last: TriedTest | None, size: int) -> list[TriedTest]:
            start = last or after
            place = tuple(map(text_key, start.order)) if start else ("", "", "", "")
            return list(self._decoded(self._session.rows(statement, *values, *place, size)))

        return self._session.paged(page)

    def slowest_first(self, where: TestFilter) -> Iterator[TriedTest]:
        condition, values = _condition(where)
        statement = compose(_SLOWEST, condition=condition)

        def page(last: TriedTest | None, size: int) -> list[TriedTest]:
            place = (last.slowness, last.key) if last else (_SLOWER_THAN_ALL, "")
            return list(self._decoded(self._session.rows(statement, *values, *place, size)))

        return self._session.paged(page)

    def named(self, name: str) -> list[TriedTest]:
        return list(self._decoded(self._session.rows(_NAMED, text_key(name))))

    def _columns(self, record: TriedTest) -> tuple[object, ...]:
        texts = (text_key(text) for text in (record.project, record.pipeline, record.name))
        return (*texts, record.flaky, record.slowness)


def _condition(where: TestFilter) -> tuple[str, list[str]]:
    wanted = {"project": where.project, "pipeline": where.pipeline}
    parts = [f"{column} = %s" for column, text in wanted.items() if text]
    values = [text_key(text) for text in wanted.values() if text]
    return " AND ".join([*parts, "is_flaky" if where.is_flaky else "true"]), values
