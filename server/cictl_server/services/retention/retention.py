"""Removing what has been kept for long enough: in small steps, each a transaction of its own, so that nobody waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from functools import reduce

import msgspec

from cictl.base.clock import Clock
from cictl.wire.admin.retention import RetentionCounts
from cictl.wire.audit.records import AuditAction
from cictl_server.errors import Conflict
from cictl_server.services.artifacts.places import artifacts_of
from cictl_server.services.artifacts.removal import FileRemoval
from cictl_server.services.artifacts.stories import TestStories
from cictl_server.services.audit.trail import Trail
from cictl_server.services.core.deeds import note_details
from cictl_server.services.jobs.endings.removal import RemovalService
from cictl_server.services.logs.book import LogBook
from cictl_server.services.retention.candidates import Candidate, Walk, is_settled
from cictl_server.services.retention.expiring import without_expired
from cictl_server.services.retention.policies import PolicyService
from cictl_server.services.retention.sweep import Sweep
from cictl_server.services.retention.unplanned import UnplannedRuns
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.artifacts import ArtifactsRecord
from cictl_server.store.records.jobs import JobRecord

logger = logging.getLogger(__name__)

_NOTHING = RetentionCounts(runs=0, jobs=0, logs=0, artifacts=0, bytes=0)

INTERVAL_SECONDS = 3600.0
FIRST_SECONDS = 60.0
"""How long after the server's start the first pass begins."""

_STEP_PAUSE_SECONDS = 0.01
_REQUEST_SECONDS = 10.0
"""How long one request may work before it answers that there is more."""


class RetentionService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    policies: PolicyService
    removal: RemovalService
    logs: LogBook
    files: FileRemoval
    stories: TestStories
    unplanned: UnplannedRuns
    sweep: Sweep
    clock: Clock
    trail: Trail
    _turn: threading.Lock = msgspec.field(default_factory=threading.Lock)

    def preview(self) -> RetentionCounts:
        """Return what would go now."""
        return reduce(_counted, self._candidates(), _NOTHING)

    def run(self) -> RetentionCounts:
        """Remove what may go, for some seconds at most, and return what went.

        Raises:
            Conflict: It is being done already.
        """
        if not self._turn.acquire(blocking=False):
            raise Conflict("retention is at work already", hint="try again in a minute")
        try:
            until = time.monotonic() + _REQUEST_SECONDS
            gone = self._work(lambda: time.monotonic() > until)
        finally:
            self._turn.release()
        note_details(**_told(gone))
        return gone

    def run_in_background(self, stopping: threading.Event) -> None:
        """Make one whole pass, with pauses, unless *stopping* is set or one is made already."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            gone = self._work(lambda: stopping.wait(_STEP_PAUSE_SECONDS))
            self._remove_old_logs(stopping)
            self.stories.forget_old(stopping)
            self.unplanned.forget_old(stopping)
            self.sweep.run_if_due(stopping)
        finally:
            self._turn.release()
        if gone.runs or gone.logs or gone.artifacts:
            self.trail.tell(AuditAction.RETENTION_RUN, **_told(gone))
            logger.info(
                "retention: runs=%d logs=%d artifacts=%d bytes=%d", gone.runs, gone.logs, gone.artifacts, gone.bytes
            )

    def _candidates(self) -> Iterator[Candidate]:
        with self.store.read() as view:
            policies = self.policies.current(view)
        return Walk(self.store, policies, now=self.clock()).candidates()

    def _work(self, is_enough: Callable[[], bool]) -> RetentionCounts:
        gone = _NOTHING
        for candidate in self._candidates():
            if is_enough():
                return msgspec.structs.replace(gone, is_complete=False)
            if self._remove(candidate):
                gone = _counted(gone, candidate)
        return gone

    def _remove(self, candidate: Candidate) -> bool:
        """Remove one candidate, and tell whether it was still free to go."""
        numbers = {job.number for job in (*candidate.jobs, *candidate.logs)}
        numbers |= {record.number for record in (*candidate.artifacts, *candidate.expired)}

        def remove(tx: Transaction) -> bool:
            jobs = [job for number in sorted(numbers) if (job := tx.jobs.find(number)) is not None]
            if not jobs or not is_settled(tx, jobs):
                return False
            if candidate.jobs:
                self.removal.remove(tx, jobs)
            else:
                self._strip(tx, jobs, candidate)
            return True

        return self.store.write(remove)

    def _strip(self, tx: Transaction, jobs: list[JobRecord], candidate: Candidate) -> None:
        """Remove logs and artifacts of executions that stay. Their records say so; the files go after the commit."""
        now = self.clock()
        without_log = {job.number for job in candidate.logs}
        left = self._left(tx, candidate.expired)
        without_artifacts = {artifacts.number for artifacts in candidate.artifacts}
        without_artifacts |= {artifacts.number for artifacts in left if not artifacts.entries}
        for job in jobs:
            tx.jobs.put(
                msgspec.structs.replace(
                    job,
                    log_size=0 if job.number in without_log else job.log_size,
                    log_removed=now if job.number in without_log else job.log_removed,
                    artifacts_removed=now if job.number in without_artifacts else job.artifacts_removed,
                )
            )
        for number in without_artifacts:
            tx.artifacts.delete(number)
        for record in left:
            if record.entries:
                tx.artifacts.put(record)
        tx.after_commit(lambda: self._delete_files(candidate))

    def _left(self, tx: Transaction, expired: list[ArtifactsRecord]) -> list[ArtifactsRecord]:
        """Return what stays of artifacts of which some go."""
        found = [(tx.artifacts.find(record.number), record) for record in expired]
        return [without_expired(record, gone) for record, gone in found if record is not None]

    def _delete_files(self, candidate: Candidate) -> None:
        for job in candidate.logs:
            self.logs.delete(job.log_name)
        self.files.remove([artifacts_of(self.files.blobs, record) for record in candidate.artifacts])
        self.files.remove_files(
            artifacts_of(self.files.blobs, record) + entry.path
            for record in candidate.expired
            for entry in record.entries
            if not entry.link
        )

    def _remove_old_logs(self, stopping: threading.Event) -> None:
        """Remove logs that no record names: a kill between a commit and the removal of its files leaves them."""
        for number, name in self.logs.stored():
            if stopping.is_set():
                return
            with self.store.read() as view:
                job = view.jobs.find(number)
            if job is None or not job.names_log(name):
                self.logs.delete(name)


def _told(gone: RetentionCounts) -> dict[str, int]:
    """Return what the audit tells of what went."""
    return {"runs": gone.runs, "logs": gone.logs, "artifacts": gone.artifacts, "bytes": gone.bytes}


def _counted(counts: RetentionCounts, candidate: Candidate) -> RetentionCounts:
    """Return *counts* with *candidate*, which is not kept: there may be very many."""
    return RetentionCounts(
        runs=counts.runs + bool(candidate.jobs),
        jobs=counts.jobs + len(candidate.jobs),
        logs=counts.logs + len(candidate.logs),
        artifacts=counts.artifacts + sum(len(record.entries) for record in [*candidate.artifacts, *candidate.expired]),
        bytes=counts.bytes + candidate.bytes,
    )
