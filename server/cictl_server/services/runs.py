"""Starting runs: resolve the source, plan, enqueue everything in one transaction."""

from __future__ import annotations

from cictl.project_file import Pipeline
from cictl.wire.jobs import JobStatus
from cictl.wire.projects import RunRequest, RunResponse
from cictl_server.errors import InvalidRequest, NotFound
from cictl_server.services.ids import Clock, NumberSource
from cictl_server.services.planning import PlannedJob, RunIdentity, plan
from cictl_server.services.settling import Settler
from cictl_server.services.sources import resolve_source
from cictl_server.store.contract import Store
from cictl_server.store.records import JobRecord


class RunService:
    def __init__(self, *, store: Store, settler: Settler, numbers: NumberSource, clock: Clock) -> None:
        self._store = store
        self._settler = settler
        self._numbers = numbers
        self._clock = clock

    def run_pipeline(self, pipeline_db_id: int, request: RunRequest) -> RunResponse:
        """Enqueue a run.

        Raises:
            NotFound: No such pipeline.
            InvalidRequest: The selection, the mode or a pin can't be honoured.
            GitFailed: The overriding ref can't be resolved.
        """
        with self._store.read() as view:
            record = view.pipelines.find(pipeline_db_id)
            project = view.projects.find(record.project_id) if record else None
        if record is None or project is None:
            raise NotFound("pipeline", hint="`cictl pipelines list` shows them")
        pipeline = record.definition
        _check_supported(pipeline, request)
        run_id = f"run-{self._numbers.next()}"
        identity = RunIdentity(project=project.name, project_id=project.id, pipeline_run_id=run_id)
        source = resolve_source(pipeline, source_ref=request.source_ref)
        jobs = [self._record(p) for p in plan(pipeline, request, source=source, identity=identity)]
        with self._store.write() as tx:
            for job in jobs:
                self._settler.put(tx, job)
        return RunResponse(
            project_name=project.name,
            pipeline_id=pipeline.id,
            enqueued=len(jobs),
            job_execution_ids=[job.id for job in jobs],
            pipeline_run_id=run_id,
        )

    def _record(self, planned: PlannedJob) -> JobRecord:
        return JobRecord(
            number=self._numbers.next(),
            script=planned.script,
            status=JobStatus.QUEUED,
            created=self._clock(),
            required_capabilities=planned.required_capabilities,
            timeout_seconds=planned.timeout_seconds,
            env=planned.env,
            artifact_globs=planned.artifact_globs,
            caches=planned.caches,
            source=planned.source,
            metadata=planned.metadata,
            step_plan=planned.step_plan,
        )


def _check_supported(pipeline: Pipeline, request: RunRequest) -> None:
    """Refuse, rather than ignore, what this server does not do yet: a run must never be less than was asked for.

    Raises:
        InvalidRequest: Names the field.
    """
    if request.execution_mode.strip():
        raise InvalidRequest(f'execution_mode "{request.execution_mode.strip()}" is not supported by this server')
    if pipeline.depends_on:
        raise InvalidRequest(f'pipeline "{pipeline.id}" has depends_on, which this server does not run yet')
    if pipeline.versioning is not None and pipeline.versioning.auto_bump and not request.dry_run:
        raise InvalidRequest("versioning.auto_bump is not supported by this server yet", hint="dry_run works")
