"""Whatever is killed, servers or their connections, nothing acknowledged is lost in PostgreSQL, and nothing is done twice."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from cictl_testing.processes import eventually
from cictl_testing.servers.postgres import Postgres
from cictl_testing.stores.records import make_job
from cictl_testing.stores.reopening import open_postgres_store
from cictl_testing.stores.writer import check_content, writing

from cictl_server.errors import StoreAway
from cictl_server.store.contract import Transaction

KILLS = 6


@pytest.fixture
def durable_postgres() -> Iterator[Postgres]:
    """One that waits for the disk, for a single test."""
    server = Postgres(is_durable=True)
    yield server
    server.remove()


def acknowledged(child: subprocess.Popen[bytes], count: int) -> list[int]:
    """Return the next *count* numbers that a writer has acknowledged; it must not end before."""
    assert child.stdout is not None
    return [int(child.stdout.readline()) for _ in range(count)]


def rest(child: subprocess.Popen[bytes]) -> list[int]:
    """Kill the writer, and return what it had acknowledged by then."""
    child.kill()
    assert child.stdout is not None
    return [int(line) for line in child.stdout.readlines() if line.endswith(b"\n")]


def last_number(url: str) -> int:
    store = open_postgres_store(url)
    with store.read() as view:
        last = check_content(view)
    store.close()
    return last


def test_killed_servers_lose_nothing(database_url: str) -> None:
    seen: list[int] = []
    for _ in range(KILLS):
        with writing(database_url) as one, writing(database_url) as other:
            seen += acknowledged(one, random.randint(1, 40)) + acknowledged(other, random.randint(1, 40))
            seen += rest(one) + rest(other)
        assert last_number(database_url) >= max(seen)
    assert len(seen) == len(set(seen))


def test_killed_connections_cost_nothing(postgres: Postgres, database_url: str) -> None:
    """The writers go on as if nothing had happened: each change is run again, unless it had been committed."""
    seen: list[int] = []
    ended = 0
    with writing(database_url) as one, writing(database_url) as other:
        for _ in range(4 * KILLS):
            seen += acknowledged(one, random.randint(1, 10)) + acknowledged(other, random.randint(1, 10))
            ended += postgres.terminate_backends()
        seen += rest(one) + rest(other)
    assert ended > KILLS
    last = last_number(database_url)
    assert len(seen) == len(set(seen))
    # Of all numbers, only those are missing that were being committed as the writers were killed.
    assert last - len(seen) <= 8


def test_a_crash_of_the_database_loses_nothing(durable_postgres: Postgres) -> None:
    seen: list[int] = []
    with writing(durable_postgres.url) as one:
        for _ in range(3):
            seen += acknowledged(one, random.randint(1, 20))
            durable_postgres.stop()
            durable_postgres.start()
        seen += acknowledged(one, 10) + rest(one)
    # Of each crash and of the kill, what was being committed by four threads may be there without an acknowledgement.
    assert last_number(durable_postgres.url) - len(seen) <= 4 * 4
    assert len(seen) == len(set(seen))


def test_a_crash_between_commit_and_flush_acknowledges_nothing(
    durable_postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Afterwards the database flushes as if nothing had been, and may have given the number of the lost transaction out anew."""
    store = open_postgres_store(durable_postgres.url)
    done: list[str] = []

    def add(tx: Transaction) -> None:
        tx.jobs.put(make_job(1))
        tx.after_commit(lambda: done.append("acknowledged"))

    with monkeypatch.context() as patch, ThreadPoolExecutor(1) as thread:
        patch.setattr("cictl_server.store.postgres.run.FLUSH", "SELECT pg_sleep(600)")
        written = thread.submit(store.write, add)
        eventually(lambda: store.look(lambda view: view.jobs.find(1)), what="the commit")
        durable_postgres.stop()
        durable_postgres.start()
        with pytest.raises(StoreAway):
            written.result()
    assert not done
    store.write(add)
    assert done == ["acknowledged"]
    store.close()
