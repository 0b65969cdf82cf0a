"""How much may wait at once: executions of one run, and runs of one project."""

from __future__ import annotations

import msgspec

from cictl_server.errors import LimitReached, TooLarge
from cictl_server.store.contract import View
from cictl_server.store.records.jobs import JobRecord


class RunLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of what is not over yet. 0 switches one off.

    Attributes:
        jobs: Executions of one run.
        queued_runs: Runs of one project; the scripts for one agent are counted in the same way.
        running: Executions of one project that agents hold; the others wait.
    """

    jobs: int = 10_000
    queued_runs: int = 1000
    running: int = 0

    def check_size(self, count: int) -> None:
        """Return if one run may have *count* executions that are not over.

        Raises:
            TooLarge: It may not.
        """
        if self.jobs and count > self.jobs:
            raise TooLarge(
                f"the run would have {count} jobs that are not over; the limit --max-run-jobs is {self.jobs}",
                hint="run a part of it, such as PROJECT/PIPELINE/JOB",
            )

    def check_room(self, view: View, job: JobRecord) -> None:
        """Return if one more run may wait beside those that *job* would count with.

        Raises:
            LimitReached: As many wait already.
        """
        waiting = view.jobs.count_unfinished_runs(job.queue_scope)
        if self.queued_runs and waiting >= self.queued_runs:
            whose = f"project {job.facts.project}" if job.facts.project else f"agent {job.facts.adhoc_agent_id}"
            raise LimitReached(
                f"{waiting} runs of {whose} are not over; the limit --max-queued-runs is {self.queued_runs}",
                hint="try again when some are over, or cancel some: `cictl jobs list --status active`",
            )
