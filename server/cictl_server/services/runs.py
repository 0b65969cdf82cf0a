"""Starting runs of pipelines and chains: resolve the source, plan, enqueue everything in one transaction."""

from __future__ import annotations

from cictl.project_file import Pipeline
from cictl.wire.jobs import JobStatus
from cictl.wire.projects import RunRequest, RunResponse
from cictl_server.errors import InvalidRequest, NotFound
from cictl_server.services.chains import Member, chain_members
from cictl_server.services.dependencies import Inherited, inherit
from cictl_server.services.ids import Clock, NumberSource
from cictl_server.services.planning import PlannedJob, RunIdentity, SourceContext, plan
from cictl_server.services.settling import Settler
from cictl_server.services.sources import resolve_source
from cictl_server.store.contract import Store
from cictl_server.store.records import JobRecord, ProjectRecord

_NO_MATCH = "selection matched no matrix entries"


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
            InvalidRequest: A dependency, the selection, the mode or a pin can't be honoured.
            GitFailed: The overriding ref can't be resolved.
        """
        with self._store.read() as view:
            record = view.pipelines.find(pipeline_db_id)
            project = view.projects.find(record.project_id) if record else None
            if record is None or project is None:
                raise NotFound("pipeline", hint="`cictl pipelines list` shows them")
            _check_supported(record.definition, request)
            inherited = inherit(view, project.id, record.definition, for_dry_run=request.dry_run)
        pipeline = record.definition
        source = resolve_source(pipeline, source_ref=request.source_ref, inherited=inherited)
        identity = self._identity(project)
        planned = plan(pipeline, request, source=source, identity=identity, dependencies=inherited.runs)
        if not planned:
            raise InvalidRequest(_NO_MATCH)
        return self._enqueue(project, pipeline.id, planned, run_id=identity.pipeline_run_id)

    def run_chain(self, chain_db_id: int, request: RunRequest) -> RunResponse:
        """Enqueue a run of every pipeline of a chain; those with dependencies in the chain wait for them.

        Everything is prepared before the first execution is stored, and all members build the first one's commit and
        version where their repository is the same.

        Raises:
            NotFound: No such chain.
            InvalidRequest, GitFailed: As for a pipeline; nothing is enqueued then.
        """
        with self._store.read() as view:
            chain = view.chains.find(chain_db_id)
            project = view.projects.find(chain.project_id) if chain else None
            if chain is None or project is None:
                raise NotFound("pipeline chain", hint="`cictl projects show PROJECT` shows them")
            members = chain_members(view, chain)
            for member in members:
                _check_supported(member.pipeline, request)
            inherited = inherit(view, project.id, members[0].pipeline, for_dry_run=request.dry_run)
        first = members[0]
        if request.source_ref.strip() and first.pipeline.vcs_source is None:
            raise InvalidRequest("source_ref override requires first chain pipeline vcs_source.repo")
        source = resolve_source(first.pipeline, source_ref=request.source_ref, inherited=inherited)
        chain_run_id = f"chain-{self._numbers.next()}"
        planned = self._plan_members(project, chain.chain_id, chain_run_id, members, request, inherited, source)
        if not planned:
            raise InvalidRequest(_NO_MATCH)
        return self._enqueue(project, chain.chain_id, planned, run_id=chain_run_id)

    def _plan_members(
        self,
        project: ProjectRecord,
        chain_id: str,
        chain_run_id: str,
        members: list[Member],
        request: RunRequest,
        inherited: Inherited,
        first: SourceContext,
    ) -> list[PlannedJob]:
        """Plan each member; a member that the selection leaves out is not waited for."""
        planned: list[PlannedJob] = []
        present: set[str] = set()
        for index, member in enumerate(members):
            waits_for = [name for name in member.waits_for if name in present]
            identity = self._identity(
                project,
                chain={
                    "chain_run_id": chain_run_id,
                    "pipeline_chain_id": chain_id,
                    "pipeline_chain_index": str(index),
                    "pipeline_chain_position": str(index + 1),
                    "pipeline_chain_total": str(len(members)),
                    **({"chain_depends_on_pipelines": ",".join(waits_for), "chain_blocked": "1"} if waits_for else {}),
                },
            )
            source = first if index == 0 else _member_source(member.pipeline, first)
            jobs = plan(
                member.pipeline,
                request,
                source=source,
                identity=identity,
                dependencies=inherited.runs if index == 0 else None,
            )
            if jobs:
                present.add(member.pipeline.id)
            planned += jobs
        return planned

    def _identity(self, project: ProjectRecord, *, chain: dict[str, str] | None = None) -> RunIdentity:
        return RunIdentity(
            project=project.name,
            project_id=project.id,
            pipeline_run_id=f"run-{self._numbers.next()}",
            chain=chain or {},
        )

    def _enqueue(self, project: ProjectRecord, name: str, planned: list[PlannedJob], *, run_id: str) -> RunResponse:
        jobs = [self._record(one) for one in planned]
        with self._store.write() as tx:
            for job in jobs:
                self._settler.put(tx, job)
        return RunResponse(
            project_name=project.name,
            pipeline_id=name,
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


def _member_source(pipeline: Pipeline, first: SourceContext) -> SourceContext:
    """Return a later member's source: the first one's version, and its commit and ref where the repository is the same."""
    own = pipeline.vcs_source
    inherited = Inherited(version_raw=first.version_raw, version=first.version, repo=first.repo, commit=first.commit)
    if own is not None and own.repo.strip() == first.repo and first.commit:
        return _shared(pipeline, first)
    return resolve_source(pipeline, source_ref="", inherited=inherited)


def _shared(pipeline: Pipeline, first: SourceContext) -> SourceContext:
    versioning = pipeline.versioning
    return SourceContext(
        repo=first.repo,
        ref_raw=first.ref_raw,
        commit=first.commit,
        version_raw=first.version_raw,
        version=first.version,
        tag_prefix=versioning.tag_prefix if versioning else "",
        version_file=versioning.file if versioning else "",
    )


def _check_supported(pipeline: Pipeline, request: RunRequest) -> None:
    """Refuse, rather than ignore, what this server does not do yet: a run must never be less than was asked for.

    Raises:
        InvalidRequest: Names the field.
    """
    if request.execution_mode.strip():
        raise InvalidRequest(f'execution_mode "{request.execution_mode.strip()}" is not supported by this server')
    if pipeline.versioning is not None and pipeline.versioning.auto_bump and not request.dry_run:
        raise InvalidRequest("versioning.auto_bump is not supported by this server yet", hint="dry_run works")
