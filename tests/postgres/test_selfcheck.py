"""A new version looks at the database before it is switched to."""

from __future__ import annotations

import psycopg
import pytest
from cictl_testing.ports import free_port
from cictl_testing.servers.postgres import Postgres

from cictl_server.postgres.address import DatabaseAddress
from cictl_server.postgres.database import Database
from cictl_server.postgres.migrations import newest_version
from cictl_server.selfcheck import SelfCheckFailed, check_database


def test_a_database_that_it_can_work_with_stays_as_it_is(database_url: str) -> None:
    check_database(database_url)
    with psycopg.connect(database_url) as connection:
        tables = connection.execute("SELECT FROM pg_class WHERE relnamespace = current_schema()::regnamespace")
        assert tables.fetchall() == []


def test_a_newer_schema_fails_it(postgres: Postgres, database_url: str) -> None:
    Database.open(DatabaseAddress.parse(database_url)).close()
    check_database(database_url)
    postgres.expand(database_url)
    with pytest.raises(SelfCheckFailed, match=f"^cannot open database schema {newest_version() + 1}$"):
        check_database(database_url)


def test_a_database_that_does_not_answer_is_told() -> None:
    with pytest.raises(SelfCheckFailed, match=r"^the database does not answer: "):
        check_database(f"postgresql://cictl@127.0.0.1:{free_port()}/cictl")
