"""Numbers of runs, which people see and type."""

from __future__ import annotations

from msgspec.structs import replace

from cictl.wire.metadata import JobMetadata
from cictl_server.store.contract import Transaction
from cictl_server.store.records import JobRecord, SettingRecord

_KEY = "last_run_number"


def next_run_number(tx: Transaction) -> int:
    """Return the number of a new run: one more than the last, also if that run was deleted. The first run is 1."""
    last = tx.settings.find(_KEY)
    number = int(last.value) + 1 if last else 1
    tx.settings.put(SettingRecord(key=_KEY, value=str(number)))
    return number


def numbered(job: JobRecord, run_number: int) -> JobRecord:
    """Return *job* with the number of its run."""
    return replace(job, metadata=job.metadata | JobMetadata.entries(JobMetadata.run_number(str(run_number))))
