"""TinyDB's API on our data behaves as TinyDB's own does, except that ids are never used twice."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tinydb
from hypothesis import given, settings
from hypothesis import strategies as st
from tinydb.operations import increment
from tinydb.queries import QueryInstance
from tinydb.storages import MemoryStorage
from tinydb.table import Document, Table

from cictl_server.store.tiny.engine import Engine
from cictl_server.store.tiny.table import EngineDB

NAMES = st.sampled_from(["a", "b", "c"])
ROWS = st.fixed_dictionaries(
    {"name": NAMES, "count": st.integers(0, 3)}, optional={"tags": st.lists(st.text(max_size=3), max_size=2)}
)
IDS = st.integers(1, 8) | st.integers(1, 12).map(lambda step: step * 1000)

Operation = Callable[[Table, int], Any]
"""Takes the table and the number of the step, from 1."""


def is_named(name: str) -> QueryInstance:
    query: QueryInstance = tinydb.where("name") == name
    return query


def inserting(row: dict[str, Any]) -> Operation:
    return lambda table, _: table.insert(dict(row))


def inserting_several(rows: list[dict[str, Any]]) -> Operation:
    return lambda table, _: table.insert_multiple([dict(row) for row in rows])


def inserting_with_id(row: dict[str, Any]) -> Operation:
    """Insert above all earlier ids, and once more, lest stock TinyDB look for the next id among those left later on."""
    return lambda table, step: (table.insert(Document(row, doc_id=step * 1000)), table.insert(dict(row)))


def upserting(row: dict[str, Any], name: str) -> Operation:
    return lambda table, _: table.upsert(dict(row), is_named(name))


def upserting_with_id(row: dict[str, Any], doc_id: int) -> Operation:
    return lambda table, _: table.contains(doc_id=doc_id) and table.upsert(Document(row, doc_id=doc_id))


def counting_up(name: str) -> Operation:
    return lambda table, _: table.update(increment("count"), is_named(name))


def renaming(old: str, new: str) -> Operation:
    return lambda table, _: table.update({"name": new}, is_named(old))


def updating_several(first: str, second: str) -> Operation:
    return lambda table, _: table.update_multiple([({"count": 9}, is_named(first)), ({"x": 1}, is_named(second))])


def updating_by_id(doc_id: int) -> Operation:
    return lambda table, _: table.update({"count": 7}, doc_ids=[doc_id])


def removing(name: str) -> Operation:
    return lambda table, _: table.remove(is_named(name))


def removing_by_id(doc_id: int) -> Operation:
    return lambda table, _: table.remove(doc_ids=[doc_id])


def asking(name: str, doc_id: int) -> Operation:
    return lambda table, _: (
        table.search(is_named(name)),
        table.get(is_named(name)),
        table.get(doc_id=doc_id),
        table.get(doc_ids=[doc_id, 1, 2]),
        table.contains(is_named(name)),
        table.contains(doc_id=doc_id),
        table.count(is_named(name)),
        table.all(),
        len(table),
    )


OPERATIONS: st.SearchStrategy[Operation] = st.one_of(
    st.builds(inserting, ROWS),
    st.builds(inserting_several, st.lists(ROWS, max_size=3)),
    st.builds(inserting_with_id, ROWS),
    st.builds(upserting, ROWS, NAMES),
    st.builds(upserting_with_id, ROWS, IDS),
    st.builds(counting_up, NAMES),
    st.builds(renaming, NAMES, NAMES),
    st.builds(updating_several, NAMES, NAMES),
    st.builds(updating_by_id, IDS),
    st.builds(removing, NAMES),
    st.builds(removing_by_id, IDS),
    st.builds(asking, NAMES, IDS),
)


def outcome(operation: Operation, table: Table, step: int) -> tuple[str, object]:
    """Return what *operation* returned or raised."""
    try:
        return "returned", operation(table, step)
    except (KeyError, RuntimeError, ValueError) as error:
        return "raised", type(error)


def content(table: Table) -> list[tuple[int, dict[str, Any]]]:
    return [(document.doc_id, dict(document)) for document in table]


@settings(max_examples=150, deadline=None)
@given(st.lists(OPERATIONS, max_size=12))
def test_random_operations_do_as_stock_tinydb_does(operations: list[Operation]) -> None:
    stock = tinydb.TinyDB(storage=MemoryStorage).table("t")
    with tempfile.TemporaryDirectory() as directory:
        engine = Engine(Path(directory))
        ours = EngineDB(engine).table("t")
        for step, operation in enumerate(operations, start=1):
            assert outcome(operation, ours, step) == outcome(operation, stock, step)
            assert content(ours) == content(stock)
        engine.close()
        engine = Engine(Path(directory))
        assert sorted(content(EngineDB(engine).table("t"))) == sorted(content(stock))
        engine.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path / "data")
    yield engine
    engine.close()


def test_ids_go_on_after_truncating_and_dropping(engine: Engine) -> None:
    db = EngineDB(engine)
    db.table("t").insert_multiple([{"a": 1}, {"a": 2}])
    db.table("t").truncate()
    assert db.table("t").insert({"a": 3}) == 3
    db.drop_table("t")
    assert db.table("t").insert({"a": 4}) == 4
    assert [document.doc_id for document in db.table("t")] == [4]


def test_an_id_that_is_taken_cannot_be_inserted(engine: Engine) -> None:
    table = EngineDB(engine).table("t")
    table.insert(Document({"a": 1}, doc_id=5))
    with pytest.raises(ValueError, match="5"):
        table.insert(Document({"a": 2}, doc_id=5))
    assert content(table) == [(5, {"a": 1})]


def test_dropping_tables_leaves_the_others(engine: Engine) -> None:
    db = EngineDB(engine)
    db.table("t").insert({"a": 1})
    db.table("u").insert({"b": 1})
    db.drop_table("t")
    assert db.table("t").all() == []
    assert db.table("u").all() == [{"b": 1}]
    db.drop_tables()
    assert db.table("u").all() == []


def test_the_default_table_works_too(engine: Engine) -> None:
    db = EngineDB(engine)
    db.insert({"a": 1})
    assert db.all() == [{"a": 1}]
    assert db.tables() == {"_default"}


def test_editing_what_tinydb_returned_changes_nothing_stored(engine: Engine) -> None:
    table = EngineDB(engine).table("t")
    table.insert({"a": [1]})
    table.all()[0]["a"].append(2)
    assert table.all() == [{"a": [1]}]


def test_an_update_that_raises_changes_nothing(engine: Engine) -> None:
    table = EngineDB(engine).table("t")
    table.insert_multiple([{"a": 1}, {"b": 1}])

    def double(document: Any) -> None:
        document["a"] *= 2

    with pytest.raises(KeyError):
        table.update(double)
    assert table.all() == [{"a": 1}, {"b": 1}]


def test_threads_get_different_ids(engine: Engine) -> None:
    table = EngineDB(engine).table("t")
    ids: list[int] = []

    def insert() -> None:
        for _ in range(25):
            ids.append(table.insert({"a": 1}))  # noqa: PERF401  the point is many calls

    threads = [threading.Thread(target=insert) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ids) == list(range(1, 101))
    assert len(table) == 100
