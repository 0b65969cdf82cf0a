"""Artifacts whose group in the project file says for how many days they are kept (`keep_days`)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec.structs import replace

from cictl.base.names.artifact_paths import ends_of_links
from cictl_server.store.contract import View
from cictl_server.store.records.artifacts import ArtifactEntry, ArtifactsRecord
from cictl_server.store.records.jobs import JobRecord


def expired_artifacts(view: View, run: Iterable[JobRecord], *, now: datetime) -> list[ArtifactsRecord]:
    """Return the records of a run that is over with only those entries that have been kept for long enough."""
    found = []
    for job in run:
        if not any(group.keep_days for group in job.artifacts):
            continue  # most jobs: this saves the look at their files
        record = view.artifacts.find(job.number)
        age = now - (job.finished or job.created)
        if record is not None and (entries := _expired(record.entries, age)):
            found.append(replace(record, entries=entries))
    return found


def without_expired(record: ArtifactsRecord, expired: ArtifactsRecord) -> ArtifactsRecord:
    """Return *record* without the entries of *expired*, which it names as such."""
    gone = {entry.path for entry in expired.entries}
    left = [entry for entry in record.entries if entry.path not in gone]
    return replace(record, entries=left, expired=sorted({*record.expired, *gone}))


def _expired(entries: list[ArtifactEntry], age: timedelta) -> list[ArtifactEntry]:
    """Return the entries that go at this age of their job, and the links that would lead nowhere then."""
    left = [entry for entry in entries if not entry.keep_days or age <= timedelta(days=entry.keep_days)]
    ends = ends_of_links({e.path: e.link for e in left if e.link}, {e.path for e in left if not e.link})
    kept = {entry.path for entry in left if not entry.link or entry.path in ends}
    return [entry for entry in entries if entry.path not in kept]
