"""What is done to all jobs of a run at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec
from msgspec.structs import asdict, replace

from cictl.base.clock import Clock
from cictl.wire.runs import Run, RunRerunResponse
from cictl_server.errors import Conflict
from cictl_server.services.core.deeds import note_details
from cictl_server.services.history.past_runs import deciding, row_of
from cictl_server.services.history.revival import as_planned
from cictl_server.services.history.run_book import get_run, recount
from cictl_server.services.history.settling import Settler
from cictl_server.services.jobs.endings.cancel import CancelService
from cictl_server.services.jobs.rerun import RerunService, attempt_of
from cictl_server.services.policies import Policies
from cictl_server.services.runs.views import whole_view
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.runs import RunPart, RunRecord

_NOT_GOOD = frozenset({RunPart.FAILED, RunPart.CANCELLED, RunPart.DRAGGED})


class RunChangeService(msgspec.Struct, frozen=True, kw_only=True):
    """Each change is one transaction: all jobs, or none."""

    store: Store
    settler: Settler
    cancelling: CancelService
    reruns: RerunService
    policies: Policies
    clock: Clock

    def cancel(self, text: str) -> Run:
        """End every execution of the run with the number or id *text*.

        Raises:
            NotFound: No such run.
            Conflict: It is over already.
        """

        def cancel(tx: Transaction) -> Run:
            run = get_run(tx, text)
            active = [job for job in _jobs_of(tx, run) if not job.status.is_terminal]
            if not active:
                raise Conflict("run is not active", hint=f"it {run.status} already")
            self.cancelling.cancel_all(tx, active)
            note_details(jobs=len(active))
            return whole_view(tx, get_run(tx, str(run.number)), self.policies)

        return self.store.write(cancel)

    def rerun(self, text: str, *, only_failed: bool) -> RunRerunResponse:
        """Enqueue jobs of a run again, in the same run and with the waits that they were planned with.

        Args:
            only_failed: Those that failed, were cancelled, or ended because of what they needed; a job that failed although
                it may is none of them. Otherwise all but those that the plan left out.

        Raises:
            NotFound: No such run.
            Conflict: There is nothing to run again, or with *only_failed* unset, the run is not over.
            DiskLow: There is no room for new work.
            TooLarge, LimitReached: As `RunLimits`.
        """
        self.reruns.check_room()

        def rerun(tx: Transaction) -> RunRerunResponse:
            run = get_run(tx, text)
            jobs = _jobs_of(tx, run)
            again = self._enqueue(tx, jobs, _wanted(run, deciding(jobs), only_failed=only_failed))
            recount(tx, run.number)
            self.settler.settle(tx, again, now=self.clock())
            note_details(jobs=len(again), only_failed="true" if only_failed else "")
            present = whole_view(tx, get_run(tx, str(run.number)), self.policies)
            return RunRerunResponse(**asdict(present), job_execution_ids=[job.id for job in again])

        return self.store.write(rerun)

    def _enqueue(self, tx: Transaction, jobs: Sequence[JobRecord], wanted: Sequence[JobRecord]) -> list[JobRecord]:
        attempts: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        for job in jobs:
            row = row_of(job.facts)
            attempts[row] = max(attempts[row], attempt_of(job))
        self.reruns.check_limits(tx, wanted)
        return [
            self.reruns.enqueue_again(tx, as_planned(job), attempt=attempts[row_of(job.facts)] + 1) for job in wanted
        ]


def _jobs_of(tx: Transaction, run: RunRecord) -> list[JobRecord]:
    return tx.jobs.of_run_number(str(run.number))


def _wanted(run: RunRecord, newest: Sequence[JobRecord], *, only_failed: bool) -> list[JobRecord]:
    """Return the executions to run again.

    Raises:
        Conflict: None is, or the run is not over.
    """
    if not only_failed and not run.status.is_terminal:
        raise Conflict("run is not over", hint="wait for its end, cancel it, or run only what failed again")
    if only_failed:
        wanted = [job for job in newest if RunPart.of(job) in _NOT_GOOD]
    else:
        wanted = [replace(job, skipped=False) for job in newest if not job.skipped or job.open_condition]
    if not wanted:
        raise Conflict("nothing of the run failed" if only_failed else "the run has no jobs that can run")
    return wanted
