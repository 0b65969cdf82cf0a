"""Tables whose records are looked up by their key alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Generic, TypeVar

import msgspec

from cictl.base.typed_json import json_decoder
from cictl_server.store.postgres.keys import capped, is_number, text_key
from cictl_server.store.postgres.session import Session, compose
from cictl_server.store.tables import NumberedTable, Table

R = TypeVar("R", bound=msgspec.Struct)
K = TypeVar("K", int, str)


class Statements(msgspec.Struct, frozen=True):
    """The statements of one table."""

    find: str
    count: str
    delete: str
    put: str
    page: str
    page_back: str

    @classmethod
    def of(cls, table: str, *columns: str, key: str) -> Statements:
        """Return those of *table*, which has these columns between its key and its document."""
        names = [key, *columns, "document"]
        return _statements(table, key, tuple(names))


@cache
def _statements(table: str, key: str, names: tuple[str, ...]) -> Statements:
    put = (
        "INSERT INTO {table} ({names}) VALUES ({places})"
        " ON CONFLICT ({key}) DO UPDATE SET ({names}) = ROW ({new_values})"
    )
    parts = {
        "table": table,
        "key": key,
        "names": ", ".join(names),
        "places": ", ".join(["%s"] * len(names)),
        "new_values": ", ".join(f"excluded.{name}" for name in names),
    }
    return Statements(
        find=compose("SELECT document FROM {table} WHERE {key} = %s", **parts),
        count=compose("SELECT count(*) FROM {table}", **parts),
        delete=compose("DELETE FROM {table} WHERE {key} = %s RETURNING document", **parts),
        put=compose(put, **parts),
        page=compose("SELECT {key}, document FROM {table} WHERE {key} > %s ORDER BY {key} LIMIT %s", **parts),
        page_back=compose("SELECT {key}, document FROM {table} WHERE {key} < %s ORDER BY {key} DESC LIMIT %s", **parts),
    )


class Documents(Table[K, R], Generic[K, R]):
    """The records of one table. Each read decodes anew, so nobody shares a record with the store."""

    def __init__(
        self,
        session: Session,
        name: str,
        type_: type[R],
        *,
        key: Callable[[R], K],
        key_column: str,
        columns: tuple[str, ...] = (),
    ) -> None:
        self._session: Session = session
        self._name: str = name
        self._decoder = _decoder(type_)
        self._key: Callable[[R], K] = key
        self._statements = Statements.of(name, *columns, key=key_column)
        self._known: dict[K, bytes] = {}
        """Documents as this transaction has found or put them. They need not be read again, and put as they are they change
        nothing."""

    def find(self, key: K) -> R | None:
        document = self._document(key)
        return None if document is None else self._decoder.decode(document)

    def count(self) -> int:
        return int(self._session.value(self._statements.count))

    def put(self, record: R) -> None:
        key, document = self._key(record), msgspec.json.encode(record)
        self._begin_change(key)
        if self._known.get(key) == document:
            return
        self._session.change(self._statements.put, self._indexed(key), *self._columns(record), document.decode())
        self._known[key] = document

    def delete(self, key: K) -> bool:
        self._known.pop(key, None)
        return self._deleted(key) is not None

    def _begin_change(self, key: K) -> None:
        """Refuse a change that the transaction may not make, before anything of it is done."""
        self._session.begin_change()

    def _columns(self, record: R) -> tuple[object, ...]:
        """Return the values of the columns between key and document."""
        return ()

    def _indexed(self, key: K) -> K:
        """Return *key* as its column has it."""
        return key

    def _document(self, key: K) -> bytes | None:
        if key in self._known:
            return self._known[key]
        document: bytes | None = self._session.value(self._statements.find, self._indexed(key))
        if document is not None:
            self._known[key] = document
        return document

    def _deleted(self, key: K) -> bytes | None:
        """Delete a record, and return the document that it had."""
        self._begin_change(key)
        document: bytes | None = self._session.value(self._statements.delete, self._indexed(key))
        return document

    def _decoded(self, rows: list[tuple[K, bytes]]) -> Iterator[R]:
        return (self._decoder.decode(document) for _, document in rows)


class NamedDocuments(Documents[str, R]):
    """Records whose key is a text."""

    def __init__(
        self, session: Session, name: str, type_: type[R], *, key: Callable[[R], str], columns: tuple[str, ...] = ()
    ) -> None:
        super().__init__(session, name, type_, key=key, key_column="key", columns=columns)

    def iter_all(self) -> Iterator[R]:
        def page(last: R | None, size: int) -> list[R]:
            after = "" if last is None else self._indexed(self._key(last))
            return list(self._decoded(self._session.rows(self._statements.page, after, size)))

        return self._session.paged(page)

    def _indexed(self, key: str) -> str:
        return text_key(key)


class NumberedDocuments(Documents[int, R], NumberedTable[R]):
    """Records whose key is a number that the store hands out."""

    def __init__(
        self,
        session: Session,
        name: str,
        type_: type[R],
        *,
        key: Callable[[R], int],
        key_column: str = "id",
        columns: tuple[str, ...] = (),
    ) -> None:
        super().__init__(session, name, type_, key=key, key_column=key_column, columns=columns)

    def find(self, key: int) -> R | None:
        return super().find(key) if is_number(key) else None

    def iter_all(self) -> Iterator[R]:
        return self._ascending(after=0)

    def put(self, record: R) -> None:
        key = self._key(record)
        self._begin_change(key)
        if key not in self._known:  # else it has its number already
            self._session.use_id(self._name, key)
        super().put(record)

    def delete(self, key: int) -> bool:
        return is_number(key) and super().delete(key)

    def next_id(self) -> int:
        self._session.begin_change()
        number = self._session.last_id(self._name) + 1
        self._session.use_id(self._name, number)
        return number

    def last_id(self) -> int:
        return self._session.last_id(self._name)

    def use_ids(self, up_to: int) -> None:
        self._session.begin_change()
        self._session.use_id(self._name, up_to)

    def _ascending(self, *, after: int) -> Iterator[R]:
        def page(last: R | None, size: int) -> list[R]:
            start = capped(after) if last is None else self._key(last)
            return list(self._decoded(self._session.rows(self._statements.page, start, size)))

        return self._session.paged(page)

    def _descending(self, *, before: int) -> Iterator[R]:
        def page(last: R | None, size: int) -> list[R]:
            start = capped(before) if last is None else self._key(last)
            return list(self._decoded(self._session.rows(self._statements.page_back, start, size)))

        return self._session.paged(page)


@cache
def _decoder(type_: type[R]) -> msgspec.json.Decoder[R]:
    return json_decoder(type_)
