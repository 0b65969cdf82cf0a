"""Flushes that are shared by all who wait for the disk."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from cictl_testing.servers.postgres import Postgres

from cictl_server.errors import StoreAway
from cictl_server.postgres.address import DatabaseAddress
from cictl_server.postgres.database import Database
from cictl_server.postgres.errors import DatabaseFull
from cictl_server.postgres.flusher import Flusher

WAITERS = 8


def test_those_who_wait_meanwhile_share_the_next_flush() -> None:
    came = threading.Semaphore(0)
    is_first = iter([True])

    def flush() -> str:
        if next(is_first, False):  # it lasts until the others have come
            for _ in range(WAITERS):
                came.acquire()
        return "life"

    flusher = Flusher(flush)
    with ThreadPoolExecutor(WAITERS + 1) as pool:
        first = pool.submit(flusher.wait)
        others = [pool.submit(come, came, flusher) for _ in range(WAITERS)]
        assert {future.result() for future in (first, *others)} == {"life"}
    assert flusher.flushes < 1 + WAITERS


def come(came: threading.Semaphore, flusher: Flusher) -> str:
    came.release()
    return flusher.wait()


def test_a_failed_flush_tells_all_who_share_it_why() -> None:
    came = threading.Semaphore(0)
    is_first = iter([True])

    def flush() -> str:
        if not next(is_first, False):
            raise DatabaseFull("db")
        for _ in range(WAITERS):  # it lasts until the others have come
            came.acquire()
        return "life"

    flusher = Flusher(flush)
    with ThreadPoolExecutor(WAITERS + 1) as pool:
        first = pool.submit(flusher.wait)
        others = [pool.submit(come, came, flusher) for _ in range(WAITERS)]
        assert first.result() == "life"
        assert [type(future.exception()) for future in others] == [DatabaseFull] * WAITERS


def test_a_failed_flush_fails_no_later_one() -> None:
    is_away = iter([True, False])

    def flush() -> str:
        if next(is_away):
            raise StoreAway
        return "life"

    flusher = Flusher(flush)
    with pytest.raises(StoreAway):
        flusher.wait()
    assert flusher.wait() == "life"
    assert flusher.flushes == 1


def test_killed_connections_are_no_crash(postgres: Postgres, database: Database) -> None:
    life = database.flusher.wait()
    postgres.terminate_backends()
    assert database.flusher.wait() == life


def test_each_crash_begins_another_life(own_postgres: Postgres) -> None:
    database = Database.open(DatabaseAddress.parse(own_postgres.url))
    lives = [database.flusher.wait()]
    for _ in range(2):
        own_postgres.stop()
        own_postgres.start()
        lives.append(database.flusher.wait())
    assert len(set(lives)) == 3
    database.close()
