"""Statements that are sent without waiting for those before: each answer comes to its own statement, also after errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from cictl_testing.servers.postgres import Postgres

from cictl_server.postgres.address import DatabaseAddress
from cictl_server.postgres.database import Database
from cictl_server.postgres.pipeline import Pipeline, PreparingConnection


@pytest.fixture
def connection(postgres: Postgres) -> Iterator[PreparingConnection]:
    with (
        closing(Database.open(DatabaseAddress.parse(postgres.url))) as database,
        database.connection() as lent,
    ):
        assert isinstance(lent, PreparingConnection)
        yield lent


def test_each_answer_comes_to_its_statement(connection: PreparingConnection) -> None:
    with Pipeline(connection) as pipeline:
        answers = [pipeline.send("SELECT %s::bigint, %s", (number, f"text {number}")) for number in range(100)]
        assert answers[7].rows() == [(7, "text 7")]
        late = pipeline.send("SELECT generate_series(1, 3)")
    assert [answer.rows() for answer in answers] == [[(number, f"text {number}")] for number in range(100)]
    assert late.rows() == [(1,), (2,), (3,)]


@pytest.mark.parametrize(
    ("statement", "values", "row"),
    [
        pytest.param("SELECT %(a)s::int, %(b)s::text, %(a)s::int", {"b": "%s", "a": 1}, (1, "%s", 1), id="names"),
        pytest.param("SELECT 7 %% 4, %s::text", ("x",), (3, "x"), id="a per cent sign"),
        pytest.param("SELECT %b", (b"\x00\xff",), (b"\x00\xff",), id="bytes"),
        pytest.param("SELECT %s::text, %s::text[]", (None, ["a", None]), (None, ["a", None]), id="nulls"),
        pytest.param("SELECT %s::json", ('{"a": 1}',), (b'{"a": 1}',), id="JSON as it is stored"),
    ],
)
def test_values_and_rows_are_converted(
    connection: PreparingConnection, statement: str, values: tuple[object, ...] | dict[str, object], row: object
) -> None:
    with Pipeline(connection) as pipeline:
        answer = pipeline.send(statement, values)
    assert answer.rows() == [row]


def test_more_than_the_sockets_take_at_once_passes(connection: PreparingConnection) -> None:
    long = "x" * 3_000_000
    with Pipeline(connection) as pipeline:
        answers = [pipeline.send("SELECT %s::text", (long,)) for _ in range(4)]
    assert [answer.rows() for answer in answers] == [[(long,)]] * 4


def fail(connection: PreparingConnection, *, waits: bool) -> None:
    with Pipeline(connection) as pipeline:
        pipeline.send("SELECT 1 / %s::int", (0,))
        answer = pipeline.send("SELECT missing FROM nowhere")
        if waits:
            answer.rows()
        raise_key_error(not waits)


def raise_key_error(is_wanted: bool) -> None:
    if is_wanted:
        raise KeyError


@pytest.mark.parametrize(
    ("waits", "error"),
    [
        pytest.param(True, psycopg.errors.DivisionByZero, id="the first one of statements"),
        pytest.param(False, KeyError, id="that of the block"),
    ],
)
def test_an_error_is_raised_and_the_connection_goes_on(
    connection: PreparingConnection, waits: bool, error: type[Exception]
) -> None:
    with pytest.raises(error):
        fail(connection, waits=waits)
    with Pipeline(connection) as pipeline:
        again = pipeline.send("SELECT 1 / %s::int", (1,))
    assert again.rows() == [(1,)]


def test_an_error_that_nobody_asked_for_is_raised_at_the_end(connection: PreparingConnection) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable), Pipeline(connection) as pipeline:
        pipeline.send("SELECT 1 FROM nowhere")
    assert connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE


def test_what_is_prepared_outlives_a_transaction_that_is_rolled_back(postgres: Postgres) -> None:
    with closing(Database.open(DatabaseAddress.parse(postgres.url))) as database:
        with database.connection() as connection, Pipeline(connection) as pipeline:
            pipeline.send("BEGIN")
            pipeline.send("SELECT %s::int", (1,))
        assert database.fetch("SELECT %s::int", (2,)) == [(2,)]
        names = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT $1::int%%'"
        assert database.fetch(names) == [(1,)]


def test_a_connection_that_is_lost_raises(postgres: Postgres, connection: PreparingConnection) -> None:
    postgres.execute(f"SELECT pg_terminate_backend({connection.info.backend_pid}, 60000)")
    with pytest.raises(psycopg.OperationalError), Pipeline(connection) as pipeline:
        pipeline.send("SELECT 2")
    assert connection.closed
