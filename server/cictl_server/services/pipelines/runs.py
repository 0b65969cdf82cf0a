"""Starting runs of pipelines and chains. All executions of a run are prepared first, then stored in one transaction."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cictl.base.clock import Clock
from cictl.base.names.git_names import branch_of, tag_of
from cictl.wire.audit.records import TargetKind
from cictl.wire.projects import RunRequest, RunResponse, SkippedJob
from cictl_server.services.core.deeds import actor_name, note_details, note_made
from cictl_server.services.core.ids import NumberSource
from cictl_server.services.core.limits.disk import Disk
from cictl_server.services.history.forge_statuses import context_of
from cictl_server.services.history.lifecycle import left_out
from cictl_server.services.history.run_book import next_run_number, numbered, put_run
from cictl_server.services.history.run_limits import RunLimits
from cictl_server.services.history.settling import Settler
from cictl_server.services.pipelines.followed import note_followed
from cictl_server.services.pipelines.planning import MANUAL
from cictl_server.services.pipelines.run_preparation import CommitStart, Prepared, Preparer, run_mode
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.projects import ProjectRecord
from cictl_server.store.records.runs import RunRecord

_LONGEST_ERROR = 4000
"""Characters of the reason why a run could not be planned."""


class FailedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that could not be planned.

    Attributes:
        pipeline: Id of the pipeline; empty where the project file could not be read.
        error: Why, for people.
    """

    run_id: str
    project: ProjectRecord
    start: CommitStart
    error: str
    pipeline: str = ""


def _nothing_else(_tx: Transaction, _run_number: int) -> None:
    """Keep nothing but the run."""


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run starts.

    Attributes:
        event: What templates and conditions know it by, such as `MANUAL`.
        keep: What is stored together with the run of this number. If it raises, the run does not start.
    """

    event: str = MANUAL
    keep: Callable[[Transaction, int], None] = _nothing_else


BY_HAND = Occasion()


class RunService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    settler: Settler
    preparer: Preparer
    numbers: NumberSource
    clock: Clock
    disk: Disk
    limits: RunLimits

    def run_pipeline(
        self,
        pipeline_db_id: int,
        request: RunRequest,
        *,
        starter: JobRecord | None = None,
        occasion: Occasion = BY_HAND,
    ) -> RunResponse:
        """Enqueue a run of a pipeline, or of the selected part.

        Args:
            starter: The execution whose token asks for it, if one does.
            occasion: Why it starts; what its `keep` raises is raised.

        Raises:
            NotFound, InvalidRequest, GitFailed, DiskLow: As `Preparer.pipeline`; nothing is enqueued then.
            TooLarge, LimitReached: As `RunLimits`; nothing is enqueued then either.
        """
        self.disk.check_room("run")
        prepared = self.preparer.pipeline(pipeline_db_id, request, run_mode(request), event=occasion.event)
        return self.enqueue(prepared, request, occasion, starter=starter)

    def run_chain(self, chain_db_id: int, request: RunRequest, *, starter: JobRecord | None = None) -> RunResponse:
        """Enqueue a run of every pipeline of a chain.

        Args:
            starter: The execution whose token asks for it, if one does.

        Raises:
            NotFound, InvalidRequest, GitFailed, DiskLow: As `Preparer.chain`; nothing is enqueued then.
            TooLarge, LimitReached: As `RunLimits`; nothing is enqueued then either.
        """
        self.disk.check_room("run")
        return self.enqueue(
            self.preparer.chain(chain_db_id, request, run_mode(request)), request, BY_HAND, starter=starter
        )

    def new_jobs(self, prepared: Prepared, *, starter: JobRecord | None = None) -> list[JobRecord]:
        """Return the executions of a run that is about to be stored.

        Raises:
            TooLarge: As `RunLimits`.
        """
        self.limits.check_size(len(prepared.planned))
        return [
            JobRecord.queued(
                planned, number=self.numbers.next(), created=self.clock(), started_by=actor_name(), starter=starter
            )
            for planned in prepared.planned
        ]

    def put(self, tx: Transaction, prepared: Prepared, jobs: list[JobRecord]) -> int:
        """Store a run with its executions *jobs*, and return its number.

        Raises:
            LimitReached: As `RunLimits`.
        """
        if jobs:
            self.limits.check_room(tx, jobs[0])
        run_number = next_run_number(tx)
        new = [_as_it_begins(numbered(job, run_number)) for job in jobs]
        for job in new:
            self.settler.put(tx, job)
        put_run(tx, prepared.run_of(new))
        self.settler.settle(tx, [job for job in new if job.skipped or job.awaited_group], now=self.clock())
        if prepared.is_followed:
            note_followed(tx, run_number)
        note_made(
            TargetKind.RUN,
            prepared.run_id,
            f"{prepared.project.name}/{prepared.name}",
            run_number=run_number,
            jobs=len(jobs),
        )
        return run_number

    def put_failed(self, tx: Transaction, run: FailedRun) -> int:
        """Store a run that could not be planned, and so has no executions; return its number."""
        run_number, now = next_run_number(tx), self.clock()
        project, start = run.project, run.start
        put_run(
            tx,
            RunRecord(
                number=run_number,
                run_id=run.run_id,
                created=now,
                finished=now,
                parts={},
                project=project.name,
                project_id=str(project.id),
                pipeline=run.pipeline,
                ref=start.ref,
                branch=branch_of(start.ref),
                tag=tag_of(start.ref),
                sha=start.tree.commit,
                message=start.commit.message,
                author=start.commit.author,
                event=start.event,
                error=run.error[:_LONGEST_ERROR],
                context=context_of(project, run.pipeline),
            ),
        )
        note_made(TargetKind.RUN, run.run_id, f"{project.name}/{run.pipeline}", run_number=run_number)
        return run_number

    def enqueue(
        self, prepared: Prepared, request: RunRequest, occasion: Occasion, *, starter: JobRecord | None = None
    ) -> RunResponse:
        """Store a run that was prepared for *request*, and return what whoever started it is told.

        Raises:
            TooLarge, LimitReached: As `RunLimits`; and what the `keep` of *occasion* raises.
        """
        jobs = self.new_jobs(prepared, starter=starter)

        def enqueue(tx: Transaction) -> int:
            number = self.put(tx, prepared, jobs)
            occasion.keep(tx, number)
            note_details(ref=request.source_ref, dry_run="true" if request.dry_run else "")
            return number

        run_number = self.store.write(enqueue)
        queued = [job for job in jobs if not job.skipped]
        return RunResponse(
            project_name=prepared.project.name,
            pipeline_id=prepared.name,
            enqueued=len(queued),
            job_execution_ids=[job.id for job in queued],
            pipeline_run_id=prepared.run_id,
            warnings=prepared.warnings,
            run_number=run_number,
            skipped=[_skipped(job) for job in jobs if job.skipped],
        )


def _as_it_begins(job: JobRecord) -> JobRecord:
    """Return the new *job*, ended at once if its condition is false."""
    return left_out(job, now=job.created) if job.skipped else job


def _skipped(job: JobRecord) -> SkippedJob:
    return SkippedJob(
        job_execution_id=job.id,
        pipeline_id=job.facts.pipeline_id,
        pipeline_job_id=job.facts.pipeline_job_id,
        condition=job.condition,
        matrix_name=job.facts.matrix_name,
    )
