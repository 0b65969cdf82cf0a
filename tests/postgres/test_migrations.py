"""The schema of the database: made once, by one server, and never taken back."""

from __future__ import annotations

import threading

import psycopg
import pytest
from cictl_testing.servers.postgres import Postgres

from cictl_server.postgres.address import DatabaseAddress
from cictl_server.postgres.database import Database
from cictl_server.postgres.errors import DatabaseTooNew, DatabaseUnusable
from cictl_server.postgres.migrations import migrations, newest_version


def test_the_steps_are_numbered_without_gaps() -> None:
    assert [step.version for step in migrations()] == list(range(1, newest_version() + 1))


def test_the_schema_tells_its_version(database: Database) -> None:
    with database.connection() as connection:
        assert connection.execute("SELECT version FROM cictl_schema").fetchall() == [(newest_version(),)]


def test_servers_that_start_together_migrate_once(database_url: str) -> None:
    opened: list[Database] = []

    def start() -> None:
        opened.append(Database.open(DatabaseAddress.parse(database_url)))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    with opened[0].connection() as connection:
        assert connection.execute("SELECT version FROM cictl_schema").fetchall() == [(newest_version(),)]
    for database in opened:
        database.close()


def test_a_newer_schema_is_refused_and_left_as_it_is(database_url: str) -> None:
    Database.open(DatabaseAddress.parse(database_url)).close()
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE cictl_schema SET version = 999")
    with pytest.raises(DatabaseTooNew, match="newer"):
        Database.open(DatabaseAddress.parse(database_url))
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT version FROM cictl_schema").fetchall() == [(999,)]


def test_a_missing_schema_is_told(postgres: Postgres) -> None:
    with pytest.raises(DatabaseUnusable, match="search_path"):
        Database.open(DatabaseAddress.parse(f"{postgres.url}?options=-csearch_path%3Dnowhere"))


def test_a_user_who_may_make_no_tables_is_told(postgres: Postgres, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        schema = connection.execute("SELECT current_schema()").fetchone()
        assert schema is not None
        connection.execute(f"GRANT USAGE ON SCHEMA {schema[0]} TO guarded".encode())
    url = database_url.replace("cictl@", "guarded:a-password-of-the-tests@")
    with pytest.raises(DatabaseUnusable, match="no table can be made") as caught:
        Database.open(DatabaseAddress.parse(url))
    assert "GRANT CREATE" in caught.value.hint
