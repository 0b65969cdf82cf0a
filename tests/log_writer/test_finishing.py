"""Bringing a finished log from PostgreSQL into a blob: nothing is lost wherever that is interrupted."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cictl_testing.servers.postgres import Postgres
from cictl_testing.servers.seaweed import Seaweed, seaweed
from cictl_testing.stores.records import make_job

from cictl_server.blobs.contract import Readable
from cictl_server.blobs.directory import DirectoryBlobs
from cictl_server.errors import StoreAway
from cictl_server.log_writer.postgres.pieces import READ_BYTES, READ_STATE, READ_UNFINISHED
from cictl_server.log_writer.postgres.writer import PostgresLogs
from cictl_server.postgres.address import DatabaseAddress
from cictl_server.postgres.database import Database
from cictl_server.store.postgres.store import PostgresStore

__all__ = ["seaweed"]

JOB = "job-7"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONTENT = b"".join(b"line %d\n" % number for number in range(5000))

FINISH_AND_DIE = """
import os, signal, sys
from pathlib import Path
from cictl_server.blobs.contract import Readable
from cictl_server.blobs.directory import DirectoryBlobs
from cictl_server.log_writer.postgres.pieces import READ_BYTES, READ_STATE, READ_UNFINISHED
from cictl_server.log_writer.postgres.writer import PostgresLogs
from cictl_server.postgres.address import DatabaseAddress
from cictl_server.postgres.database import Database

class Deadly(DirectoryBlobs):
    def put(self, key, content, *, if_absent=False):
        if sys.argv[3] == "while it is put":
            content.read(1000)
        else:
            super().put(key, content)
        os.kill(os.getpid(), signal.SIGKILL)

logs = PostgresLogs(Database.open(DatabaseAddress.parse(sys.argv[1])), Deadly(Path(sys.argv[2])))
logs.finish("job-7", size=int(sys.argv[4]), project="shop")
"""


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.open(DatabaseAddress.parse(database_url))
    yield database
    database.close()


@pytest.fixture
def logs(database: Database, tmp_path: Path) -> PostgresLogs:
    """The logs of a server, with one that is over."""
    logs = PostgresLogs(database, DirectoryBlobs(tmp_path))
    for start in range(0, len(CONTENT), 10_000):
        assert logs.append(JOB, CONTENT[start : start + 10_000], at=start, now=NOW)
    return logs


def whole(logs: PostgresLogs) -> bytes:
    return logs.read(JOB, offset=0, limit=1 << 30)


def count(database: Database, table: str) -> int:
    with database.connection() as connection:
        [(number,)] = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()
    return int(number)


def test_a_finished_log_leaves_no_pieces(logs: PostgresLogs, database: Database, tmp_path: Path) -> None:
    assert list(logs.unfinished()) == [JOB]
    logs.finish(JOB, size=len(CONTENT), project="shop")
    assert whole(logs) == CONTENT
    assert [count(database, table) for table in ("log_chunks", "log_arrivals", "log_steps")] == [0, 0, 0]
    assert (tmp_path / "logs" / f"{JOB}.log").read_bytes() == CONTENT


@pytest.mark.parametrize("moment", ["while it is put", "after it was put"])
def test_a_kill_in_the_middle_changes_nothing_for_readers(
    logs: PostgresLogs, database_url: str, tmp_path: Path, moment: str
) -> None:
    size = len(CONTENT) - 7
    command = [sys.executable, "-c", FINISH_AND_DIE, database_url, str(tmp_path), moment, str(size)]
    assert subprocess.run(command, check=False).returncode == -9
    assert whole(logs) == CONTENT
    assert list(logs.unfinished()) == [JOB]
    logs.finish(JOB, size=size, project="shop")
    assert (whole(logs), list(logs.unfinished())) == (CONTENT[:size], [])


def test_readers_in_the_middle_see_every_byte(logs: PostgresLogs) -> None:
    """Reads go on while the log changes its place."""
    is_over = threading.Event()
    seen: set[bytes] = set()

    def read() -> None:
        while not is_over.is_set():
            seen.add(whole(logs))

    reader = threading.Thread(target=read)
    reader.start()
    logs.finish(JOB, size=len(CONTENT), project="shop")
    is_over.set()
    reader.join()
    assert seen | {whole(logs)} == {CONTENT}


def test_two_servers_may_finish_a_log_at_once(logs: PostgresLogs, database: Database, tmp_path: Path) -> None:
    def finish() -> None:
        PostgresLogs(database, DirectoryBlobs(tmp_path)).finish(JOB, size=len(CONTENT), project="shop")

    threads = [threading.Thread(target=finish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (whole(logs), list(logs.unfinished()), count(database, "finished_logs")) == (CONTENT, [], 1)


class RemovedMeanwhile(DirectoryBlobs):
    """Blobs; while one is put, somebody removes the log."""

    logs: PostgresLogs

    def put(self, key: str, content: Readable, *, if_absent: bool = False) -> int:
        size = super().put(key, content, if_absent=if_absent)
        self.logs.delete(JOB)
        return size


def test_a_log_that_is_removed_meanwhile_stays_removed(logs: PostgresLogs, database: Database, tmp_path: Path) -> None:
    blobs = RemovedMeanwhile(tmp_path)
    blobs.logs = logs
    PostgresLogs(database, blobs).finish(JOB, size=len(CONTENT), project="shop")
    assert (whole(logs), list(logs.names())) == (b"", [])
    assert list((tmp_path / "logs").glob("*.log")) == []


def test_what_is_sealed_outlives_a_crash_of_the_database_with_what_is_committed_after_it(
    own_postgres: Postgres, tmp_path: Path
) -> None:
    with closing(Database.open(DatabaseAddress.parse(own_postgres.url))) as database:
        of_logs = database.another()
        logs = PostgresLogs(of_logs, DirectoryBlobs(tmp_path))
        assert logs.append(JOB, CONTENT, at=0, now=NOW)
        logs.seal(JOB)
        PostgresStore(database).write(lambda tx: tx.jobs.put(make_job(1)))
        own_postgres.stop()
        of_logs._wait_seconds = 0.5
        with pytest.raises(StoreAway):
            logs.append(JOB, b"more", at=len(CONTENT), now=NOW)
        own_postgres.start()
    with closing(Database.open(DatabaseAddress.parse(own_postgres.url))) as database:
        assert whole(PostgresLogs(database, DirectoryBlobs(tmp_path))) == CONTENT


def test_small_appends_do_not_bloat_the_table(database: Database, tmp_path: Path) -> None:
    """It takes little more than its bytes, and the room of logs that are over is used again."""
    logs = PostgresLogs(database, DirectoryBlobs(tmp_path))
    size = 300 << 10
    tables = []
    for name in ("job-1", "job-2", "job-3", "job-4"):
        for offset in range(0, size, 1 << 10):
            assert logs.append(name, b"x" * 1024, at=offset, now=NOW)
        tables.append(table_bytes(database))
        logs.finish(name, size=size, project="shop")
        with database.connection() as connection:
            connection.execute("VACUUM log_chunks")
    assert tables[0] < 2 * size
    assert tables[-1] <= 1.5 * tables[0]


def table_bytes(database: Database) -> int:
    with database.connection() as connection:
        [(size,)] = connection.execute("SELECT pg_total_relation_size('log_chunks')").fetchall()
    return int(size)


def test_nothing_reads_a_table_from_its_beginning(database: Database) -> None:
    with database.connection() as connection:
        connection.execute(
            "INSERT INTO log_chunks SELECT 'job-' || job, piece * 9, 0, 'some text' FROM generate_series(1, 300) job,"
            " generate_series(0, 99) piece"
        )
        connection.execute(
            "INSERT INTO finished_logs SELECT 'job-' || job, 9, 'x', '[]' FROM generate_series(301, 9999) job"
        )
        connection.execute("ANALYZE")
        wanted = {"log": JOB, "offset": 500, "end": 600}
        for statement in (READ_BYTES, READ_STATE, READ_UNFINISHED):
            plan = connection.execute("EXPLAIN " + statement, wanted).fetchall()
            assert "Seq Scan" not in str(plan)
            assert "Index" in str(plan)


def test_a_finished_log_may_be_in_a_bucket(database: Database, seaweed: Seaweed) -> None:
    """Its key begins with that of its project; ranges are read from there; and it goes with the log."""
    blobs = seaweed.blobs()
    logs = PostgresLogs(database, blobs)
    content = CONTENT * 400  # more than one part of an upload
    assert logs.append(JOB, content, at=0, now=NOW)
    logs.finish(JOB, size=len(content), project="7")
    assert count(database, "log_chunks") == 0
    assert [blob.key for blob in blobs.iter_below("projects/7/")] == [f"projects/7/logs/{JOB}.log"]
    assert (logs.read(JOB, offset=len(content) - 9, limit=99), whole(logs) == content) == (content[-9:], True)
    logs.delete(JOB)
    assert (list(blobs.iter_below("projects/7/")), whole(logs)) == ([], b"")
