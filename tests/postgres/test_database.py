"""The pool: what a lost or absent database costs, and what is said about it."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import psycopg
import pytest
from cictl_testing.processes import eventually
from cictl_testing.servers.postgres import GUARDED_USER, PASSWORD, Postgres
from psycopg import Connection

from cictl_server.errors import StoreAway
from cictl_server.postgres.address import DatabaseAddress
from cictl_server.postgres.database import MOST_WAITING, POOL_SIZE, Database
from cictl_server.postgres.errors import DatabaseDenied, DatabaseUnreachable, DatabaseUnusable


def test_killed_backends_cost_no_request(postgres: Postgres, database: Database) -> None:
    for _ in range(3):
        answer(database)
        assert postgres.terminate_backends() > 0
    answer(database)
    database.check()


def answer(database: Database) -> None:
    with database.connection() as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]


def test_a_single_statement_is_run_again_if_its_backend_was_killed(postgres: Postgres, database: Database) -> None:
    for number in range(3):
        assert database.fetch("SELECT %s::int, 'x'::bytea", (number,), is_binary=True) == [(number, b"x")]
        assert postgres.terminate_backends() > 0
    assert database.fetch("INSERT INTO settings VALUES ('a', '{}') RETURNING key") == [("a",)]


def test_an_error_of_a_single_statement_gives_its_connection_back(database: Database) -> None:
    for _ in range(20):
        with pytest.raises(psycopg.errors.UndefinedTable):
            database.fetch("SELECT FROM nothing")
    assert database.fetch("SELECT 1") == [(1,)]


def test_a_connection_lost_in_use_is_told_and_replaced(postgres: Postgres, database: Database) -> None:
    with pytest.raises(StoreAway), database.connection() as connection:
        lose(postgres, connection)
    answer(database)


def lose(postgres: Postgres, connection: Connection) -> None:
    postgres.terminate_backends()
    connection.execute("SELECT 1")


def test_a_transaction_that_is_left_open_is_rolled_back(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.connection("BEGIN") as connection:
        insert_and_raise(connection)
    with database.connection() as connection:
        assert connection.execute("SELECT count(*) FROM settings").fetchall() == [(0,)]


def insert_and_raise(connection: Connection) -> None:
    connection.execute("INSERT INTO settings VALUES ('a', '{}')")
    raise ZeroDivisionError


def test_an_error_of_a_statement_is_no_outage(database: Database) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable), database.connection() as connection:
        connection.execute("SELECT * FROM nothing")
    database.check()


def test_a_database_that_goes_away_and_comes_back(own_postgres: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="cictl_server.postgres.database")
    database = Database.open(DatabaseAddress.parse(own_postgres.url), wait_seconds=0.5)
    own_postgres.stop()
    for _ in range(2):
        with pytest.raises(StoreAway, match="does not answer"):
            answer(database)
    with pytest.raises(StoreAway):
        database.check()
    own_postgres.start()
    database._wait_seconds = 60  # it is not away again because this machine is slow
    eventually(lambda: is_back(database), what="the database")
    database.check()
    words = [record.message.split(" address=")[0] for record in caplog.records]
    assert words == ["database away", "database back"]
    database.close()


def is_back(database: Database) -> bool:
    try:
        answer(database)
    except StoreAway:
        return False
    return True


def test_an_absent_database_is_waited_for_and_told() -> None:
    said: list[str] = []
    address = DatabaseAddress.parse("postgresql://u:secret@127.0.0.1:9/ci")
    with pytest.raises(DatabaseUnreachable, match=r"cannot reach postgresql://u@127\.0\.0\.1:9/ci: ") as caught:
        Database.open(address, patience_seconds=0.6, say=said.append)
    assert len(said) == 1
    assert "secret" not in f"{said} {caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "login", [f"{GUARDED_USER}:wrong", GUARDED_USER, "nobody"], ids=["wrong password", "no password", "unknown user"]
)
def test_a_refused_login_is_not_tried_again(postgres: Postgres, login: str) -> None:
    said: list[str] = []
    url = postgres.url.replace("cictl@", f"{login}@")
    with pytest.raises(DatabaseDenied, match="refuses the log-in") as caught:
        Database.open(DatabaseAddress.parse(url), say=said.append)
    assert said == []
    assert "wrong" not in str(caught.value)


def test_a_right_password_is_taken(postgres: Postgres) -> None:
    url = postgres.url.replace("cictl@", f"{GUARDED_USER}:{PASSWORD}@").replace("/postgres", "/absent")
    with pytest.raises(DatabaseUnusable, match="no database absent"):
        Database.open(DatabaseAddress.parse(url))


def test_locks_of_other_schemas_are_others(postgres: Postgres, database: Database) -> None:
    with postgres.schema() as url:
        other = Database.open(DatabaseAddress.parse(url))
        assert other.lock_key("writes") != database.lock_key("writes")
        assert database.lock_key("writes") != database.lock_key("leader")
        other.close()


def test_too_many_requests_at_once_are_no_outage(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    address = DatabaseAddress.parse(database_url)
    with closing(Database.open(address, wait_seconds=60)) as database:
        fill(database)
    assert "database away" not in caplog.text


def fill(database: Database) -> None:
    """Let as many wait for a connection as may, and one more."""
    with ThreadPoolExecutor(MOST_WAITING) as threads, ExitStack() as held:
        for _ in range(POOL_SIZE):
            held.enter_context(database.connection())
        waiting = [threads.submit(database.fetch, "SELECT 1") for _ in range(MOST_WAITING)]
        eventually(lambda: database.figures()["waiting"] == MOST_WAITING, what="all that may wait")
        with pytest.raises(StoreAway):
            database.fetch("SELECT 1")
        database.check()
        held.close()
        assert [request.result() for request in waiting] == [[(1,)]] * MOST_WAITING
