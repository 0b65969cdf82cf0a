"""A process that writes to a store until it is killed: `python -m cictl_testing.stores.writer DIRECTORY`.

Each transaction adds the next execution and its artifacts and drops those that are `KEPT` older, so that at any instant the
store holds exactly the last `KEPT` numbers, each in both tables. Each number is printed once its commit has returned.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from cictl_server.store.contract import Transaction
from cictl_server.store.records import ArtifactEntry, ArtifactsRecord
from cictl_server.store.tiny import TinyStore
from cictl_testing.stores.records import make_job

KEPT = 40
COMPACTION_BYTES = 4096
THREADS = 4


def add_next(store: TinyStore) -> int:
    """Commit the next number and return it."""

    def add(tx: Transaction) -> int:
        number = tx.jobs.last_number() + 1
        tx.jobs.put(make_job(number, error=f"error {number}", metadata={"pipeline_run_id": "r"}))
        tx.artifacts.put(ArtifactsRecord(number=number, entries=[ArtifactEntry(path="a", size_bytes=number)]))
        tx.jobs.delete(number - KEPT)
        tx.artifacts.delete(number - KEPT)
        return number

    return store.write(add)


def write_for_ever(store: TinyStore) -> None:
    while True:
        os.write(1, b"%d\n" % add_next(store))


def main() -> None:
    store = TinyStore.open(Path(sys.argv[1]), compaction_bytes=COMPACTION_BYTES)
    for _ in range(THREADS):
        threading.Thread(target=write_for_ever, args=(store,)).start()


if __name__ == "__main__":
    main()
