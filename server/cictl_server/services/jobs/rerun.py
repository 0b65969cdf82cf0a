"""Running the same work again."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from cictl.base.clock import Clock
from cictl.expressions import ExpressionError
from cictl.wire.audit.records import TargetKind
from cictl.wire.jobs import Cause, RerunResponse
from cictl.wire.metadata import JobMetadata
from cictl_server.errors import Conflict
from cictl_server.services.core.deeds import actor_name, note_made
from cictl_server.services.core.ids import NumberSource
from cictl_server.services.core.limits.disk import Disk
from cictl_server.services.history.groups.levels import waits_for_groups
from cictl_server.services.history.lookup import get_job
from cictl_server.services.history.outputs import with_newest_outputs
from cictl_server.services.history.past_runs import row_of
from cictl_server.services.history.revival import blocked_again, failed_wait, members_of_run, revived, was_dragged_along
from cictl_server.services.history.run_book import recount_runs_of
from cictl_server.services.history.run_limits import RunLimits
from cictl_server.services.history.settling import Settler
from cictl_server.services.history.waits.needed_files import with_newest_needed_files
from cictl_server.services.jobs.views import job_view
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.jobs import JobRecord


class RerunService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    settler: Settler
    numbers: NumberSource
    clock: Clock
    disk: Disk
    limits: RunLimits

    def rerun(self, job_id: str) -> RerunResponse:
        """Enqueue the same work again, as a new execution of the same run. The newest execution of a job decides there.

        What ended because the old one did not succeed is enqueued again too, and waits for the new one. If the old one was
        itself cancelled while it was blocked, the new one is blocked too. If what it needs is settled by now, it is
        released, or has already ended when it is returned.

        Raises:
            NotFound: No such execution.
            Conflict: It never started and still waits, or what it waited for has not been run again.
            DiskLow: There is no room for new work.
            TooLarge, LimitReached: As `RunLimits`.
        """
        self.check_room()
        return self.store.write(lambda tx: self._rerun(tx, job_id))

    def check_room(self) -> None:
        """Return if there is room for new work on the disk; else raise DiskLow."""
        self.disk.check_room("rerun")

    def check_limits(self, tx: Transaction, wanted: Sequence[JobRecord]) -> None:
        """Return if *wanted*, executions of one run, may be enqueued again.

        Raises:
            TooLarge, LimitReached: As `RunLimits`.
        """
        first = wanted[0]
        unfinished = tx.jobs.count_unfinished(first.queue_scope, first.run_key)
        if not unfinished:
            self.limits.check_room(tx, first)
        self.limits.check_size(unfinished + len(wanted))

    def enqueue_again(self, tx: Transaction, spec: JobRecord, *, attempt: int) -> JobRecord:
        """Store a new execution of *spec*, which waits for an approval of its own; the caller recounts the run and settles it."""
        asks = JobMetadata.entries(
            JobMetadata.attempt(str(attempt)), JobMetadata.approval_blocked(spec.approval is not None)
        )
        spec = replace(spec, metadata=spec.metadata | asks | waits_for_groups(spec))
        again = JobRecord.queued(spec, number=self.numbers.next(), created=self.clock(), started_by=actor_name())
        self.settler.put(tx, again)
        return again

    def _rerun(self, tx: Transaction, job_id: str) -> RerunResponse:
        job = get_job(tx, job_id)
        spec = self._rerunnable(tx, job)
        if not tx.jobs.count_unfinished(job.queue_scope, job.run_key):
            self.limits.check_room(tx, job)
        again = self.enqueue_again(tx, spec, attempt=_attempts(tx, job) + 1)
        dependants = revived(
            members_of_run(tx, again),
            again,
            enqueue=lambda old: self.enqueue_again(tx, old, attempt=attempt_of(old) + 1),
        )
        self.limits.check_size(tx.jobs.count_unfinished(again.queue_scope, again.run_key))
        recount_runs_of(tx, [again])
        self.settler.settle(tx, [again, *dependants], now=again.created)
        again = get_job(tx, again.id)
        note_made(TargetKind.JOB, again.id, dependants=len(dependants))
        return RerunResponse(job_execution=job_view(again), dependants=[dependant.id for dependant in dependants])

    def _rerunnable(self, tx: Transaction, job: JobRecord) -> JobRecord:
        """Return what a new execution of *job* is made from."""
        if job.started is not None or job.cause is Cause.NOT_APPROVED:
            spec = replace(job, metadata=JobMetadata.without(job.metadata, JobMetadata.chain_cancelled))
            return _with_what_needs_left(spec, tx.jobs.of_run(job.facts.pipeline_run_id))
        if job.skipped:
            raise Conflict(f"job was skipped: its condition is false: {job.condition}", hint="run its pipeline instead")
        if not was_dragged_along(job):
            raise Conflict("job has not started yet", hint="run its pipeline instead")
        if lost := failed_wait(members_of_run(tx, job), job):
            raise Conflict("job has not started yet", hint=f"rerun {lost}, which it waits for; it runs after that")
        return blocked_again(job)


def _with_what_needs_left(job: JobRecord, run: Sequence[JobRecord]) -> JobRecord:
    """Return *job* with the newest outputs and artifacts of its needs, of all executions of its *run*."""
    try:
        return with_newest_needed_files(with_newest_outputs(job, run), run)
    except ExpressionError as error:
        raise Conflict(
            f"the condition of a step can't be decided: {error}", hint="rerun the job whose output it is"
        ) from error


def _attempts(view: View, job: JobRecord) -> int:
    """Return the greatest attempt of *job*'s job and matrix row in its run."""
    run_id = job.facts.pipeline_run_id
    same = [one for one in view.jobs.of_run(run_id) if row_of(one.facts) == row_of(job.facts)] if run_id else []
    return max(map(attempt_of, [job, *same]))


def attempt_of(job: JobRecord) -> int:
    """Return which execution of its job in its run *job* is, from 1."""
    return int(job.facts.attempt or 1)
