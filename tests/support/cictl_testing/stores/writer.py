"""A process that writes to a store until it is killed: `python -m cictl_testing.stores.writer DIRECTORY`, or the URL of a database.

Each transaction adds the next execution and its artifacts and drops those that are `KEPT` older, so that at any instant the
store holds exactly the last `KEPT` numbers, each in both tables. Each number is printed once its commit has returned.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cictl_server.errors import StoreAway
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.artifacts import ArtifactEntry, ArtifactsRecord
from cictl_server.store.tiny.store import TinyStore
from cictl_testing.stores.records import make_job
from cictl_testing.stores.reopening import open_postgres_store

KEPT = 40
COMPACTION_BYTES = 4096
THREADS = 4


def add_next(store: Store) -> int:
    """Commit the next number and return it."""

    def add(tx: Transaction) -> int:
        number = tx.jobs.last_number() + 1
        tx.jobs.put(make_job(number, error=f"error {number}", metadata={"pipeline_run_id": "r"}))
        tx.artifacts.put(ArtifactsRecord(number=number, entries=[ArtifactEntry(path="a", size_bytes=number)]))
        tx.jobs.delete(number - KEPT)
        tx.artifacts.delete(number - KEPT)
        return number

    return store.write(add)


def write_for_ever(store: Store) -> None:
    while True:
        with suppress(StoreAway):
            os.write(1, b"%d\n" % add_next(store))


def open_store(place: str) -> Store:
    if place.startswith("postgresql:"):
        return open_postgres_store(place)
    return TinyStore.open(Path(place), compaction_bytes=COMPACTION_BYTES)


def check_content(view: View) -> int:
    """Check that the last `KEPT` numbers are there, each whole, and nothing else; return the last one."""
    last = view.jobs.last_number()
    expected = list(range(max(1, last - KEPT + 1), last + 1))
    assert [job.number for job in view.jobs.iter_all()] == expected
    assert [job.number for job in view.jobs.of_run("r")] == expected
    assert [artifacts.number for artifacts in view.artifacts.iter_all()] == expected
    assert view.jobs.find(last) == make_job(last, error=f"error {last}", metadata={"pipeline_run_id": "r"})
    return last


@contextmanager
def writing(place: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a writer, and kill it in the end; its standard output has the acknowledged numbers."""
    support = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", "cictl_testing.stores.writer", place]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": support}) as child:
        try:
            yield child
        finally:
            child.kill()


def main() -> None:
    store = open_store(sys.argv[1])
    for _ in range(THREADS):
        threading.Thread(target=write_for_ever, args=(store,)).start()


if __name__ == "__main__":
    main()
