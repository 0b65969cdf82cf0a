"""TinyDB over the engine: the library's documented API on our data, with our durability.

TinyDB's own storages rewrite the whole file at each change. Here the storage is the engine. A table hands TinyDB's operations
a view of its documents that remembers what they change, and only that goes into the journal. The overridden methods are
those that TinyDB's documentation names for custom tables. They begin with underscores, so the version is pinned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, cast

import msgspec
from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Table

from cictl_server.store.tiny.engine import Engine
from cictl_server.store.tiny.snapshot import META

Document = Mapping[str, Any]


class EngineStorage(Storage):
    """TinyDB's view of an engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def read(self) -> dict[str, dict[str, Any]]:
        """Return all documents of all tables, decoded."""
        with self.engine.lock:
            tables = {name: dict(table) for name, table in self.engine.tables.items()}
        return {
            name: {str(key): msgspec.json.decode(document) for key, document in table.items()}
            for name, table in tables.items()
        }

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Make *data* the whole content: TinyDB calls this to drop tables."""
        wanted = {
            name: {int(key): msgspec.json.encode(value) for key, value in rows.items()} for name, rows in data.items()
        }
        with self.engine.transaction():
            for name, table in list(self.engine.tables.items()):
                for key in [key for key in table if key not in wanted.get(name, {})]:
                    self.engine.delete(name, key)
            for name, rows in wanted.items():
                for key, document in rows.items():
                    if self.engine.tables.get(name, {}).get(key) != document:
                        self.engine.put(name, key, document)


class EngineTable(Table):
    """A TinyDB table. The cost of an update depends on what it changes, not on the size of the table."""

    def __init__(self, storage: EngineStorage, name: str, cache_size: int = 0) -> None:
        """Open the table without TinyDB's query cache, which is not made for threads and can go stale."""
        super().__init__(storage, name, cache_size=cache_size)
        self._engine = storage.engine

    def _read_table(self) -> dict[str, Document]:
        with self._engine.lock:
            rows = dict(self._engine.tables.get(self.name, {}))
        return cast("dict[str, Document]", _Documents(rows))

    def _update_table(self, updater: Callable[[dict[int, Document]], None]) -> None:
        """Run TinyDB's *updater* and commit its changes; none of them if it raises."""
        with self._engine.transaction():
            view = _Changes(self._engine.tables.get(self.name, {}))
            updater(cast("dict[int, Document]", view))
            view.apply(self._engine, self.name)
        self.clear_cache()

    def _get_next_id(self) -> int:
        """Return an id that was never used before, unlike TinyDB also after `truncate`."""
        return self._engine.next_id(self.name)


class EngineDB(TinyDB):
    """TinyDB on an engine: `EngineDB(engine)`."""

    table_class = EngineTable  # type: ignore[assignment]  # TinyDB declares its own class, and documents replacing it

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, storage=EngineStorage)

    def tables(self) -> set[str]:
        return super().tables() - {META}


class _Documents(Mapping[str, Document]):
    """Rows as TinyDB reads them, with ids as text. A document is decoded when it is read."""

    def __init__(self, rows: Mapping[int, bytes]) -> None:
        self._rows = rows

    def __getitem__(self, key: str) -> Document:
        document: Document = msgspec.json.decode(self._rows[int(key)])
        return document

    def __iter__(self) -> Iterator[str]:
        return map(str, self._rows)

    def __len__(self) -> int:
        return len(self._rows)


class _Changes(MutableMapping[int, Document]):
    """The decoded documents of a table. Remembers those that were read or set: a read one may be changed in place."""

    def __init__(self, rows: Mapping[int, bytes]) -> None:
        self._rows = rows
        self._touched: dict[int, Document | None] = {}

    def __getitem__(self, key: int) -> Document:
        if key not in self._touched:
            self._touched[key] = msgspec.json.decode(self._rows[key])
        document = self._touched[key]
        if document is None:
            raise KeyError(key)
        return document

    def __setitem__(self, key: int, document: Document) -> None:
        self._touched[key] = document

    def __delitem__(self, key: int) -> None:
        if key not in self:
            raise KeyError(key)
        self._touched[key] = None

    def __contains__(self, key: object) -> bool:
        touched = self._touched.get(cast("int", key), self)
        return key in self._rows if touched is self else touched is not None

    def __iter__(self) -> Iterator[int]:
        yield from [key for key in self._rows if key in self]
        yield from [key for key, value in self._touched.items() if value is not None and key not in self._rows]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def apply(self, engine: Engine, table: str) -> None:
        for key, document in self._touched.items():
            if document is None:
                engine.delete(table, key)
                continue
            encoded = msgspec.json.encode(dict(document))
            if encoded != self._rows.get(key):
                engine.put(table, key, encoded)
