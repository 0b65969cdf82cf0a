"""From a request to the executions of a run. Runs, previews, views of scripts and eligible agents all go this way."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from cictl.base.job_parts import ApprovalSpec
from cictl.project_file import Pipeline
from cictl.wire.jobs import JobSpec
from cictl.wire.metadata import JobMetadata
from cictl.wire.projects import OFFLINE_CACHED, RunRequest
from cictl_server.errors import InvalidRequest
from cictl_server.services.core.ids import NumberSource
from cictl_server.services.fleet.limits import check_agent_id
from cictl_server.services.history.approvals import held_for_approval, noted_approvals
from cictl_server.services.history.forge_statuses import context_of
from cictl_server.services.history.run_book import new_run
from cictl_server.services.pipelines.auto_bump import check_auto_bump, with_auto_bump
from cictl_server.services.pipelines.chains import Member, chain_members
from cictl_server.services.pipelines.commits import CommitNote, CommitNotes
from cictl_server.services.pipelines.dependencies import Inherited, inherit
from cictl_server.services.pipelines.followed import followers, is_whole
from cictl_server.services.pipelines.offline import (
    CachedSource,
    cached_source,
    check_offline_chain,
    check_offline_jobs,
    check_offline_source,
)
from cictl_server.services.pipelines.planning import MANUAL, RunIdentity, SourceContext, check_inputs, plan, selects
from cictl_server.services.pipelines.sources import resolve_source, source_at, with_own_version
from cictl_server.services.pipelines.staleness import StaleDefinitions
from cictl_server.services.projects.git import check_ref
from cictl_server.services.projects.identity import follow
from cictl_server.services.projects.lookup import get_chain, get_pipeline, get_project
from cictl_server.services.projects.remotes import FetchedCommit, Remotes
from cictl_server.store.contract import Store, View
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.projects import ProjectRecord
from cictl_server.store.records.runs import RunRecord

NO_MATCH = "selection matched no matrix entries"


class Mode(StrEnum):
    """What a preparation is for, and where its source comes from."""

    RUN = "run"
    RUN_OFFLINE = "run_offline"
    PREVIEW = "preview"
    PREVIEW_OFFLINE = "preview_offline"
    INSPECT = "inspect"
    """Like a run, to show its scripts. Nothing is enqueued, so missing needs are tolerated."""
    ELIGIBLE = "eligible"
    """For the requirements alone: no source is resolved."""

    @property
    def is_offline(self) -> bool:
        return self in (Mode.RUN_OFFLINE, Mode.PREVIEW_OFFLINE)

    @property
    def is_only_shown(self) -> bool:
        """Whether nobody was asked for inputs."""
        return self in (Mode.INSPECT, Mode.ELIGIBLE)

    @property
    def is_run(self) -> bool:
        return self in (Mode.RUN, Mode.RUN_OFFLINE)


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What a request would enqueue.

    Attributes:
        name: The id of the pipeline or the chain in its file.
        run_id: The id of the pipeline run or the chain run.
        event: What starts it, such as `manual`.
        commit: What the commit says of itself, for a run that asked its remote.
        is_followed: Other pipelines start after its success.
        cache_source: The `CachedSource.origin` of an offline run; else empty.
    """

    project: ProjectRecord
    name: str
    run_id: str
    planned: list[JobSpec]
    event: str = ""
    cache_source: str = ""
    commit: CommitNote = msgspec.field(default_factory=CommitNote)
    is_followed: bool = False
    warnings: list[str] = msgspec.field(default_factory=list)

    def run_of(self, jobs: Sequence[JobRecord]) -> RunRecord:
        """Return the record of the run whose executions are *jobs*.

        The forge is told of what a commit of the project's own repository becomes: of no dry run, and of none whose commit is not known.
        """
        first = jobs[0].facts
        is_told = (
            first.pipeline_source_repo == self.project.repo_url
            and bool(first.pipeline_source_ref_resolved)
            and not first.dry_run
        )
        return replace(
            new_run(jobs),
            context=context_of(self.project, self.name) if is_told else "",
            event=self.event,
            message=self.commit.message,
            author=self.commit.author,
            warnings=self.warnings,
        )


class CommitStart(msgspec.Struct, frozen=True, kw_only=True):
    """A start of runs by what happened in a repository.

    Attributes:
        tree: The commit that is built.
        ref: By which it was found.
        event: What happened, such as `push`.
        commit: What the commit says of itself.
        base_branch: What the pull request is to be merged into, for a run of one.
        is_from_fork: As `JobMetadata.from_fork`; such runs wait for an approval.
        pipelines: All that the project file of the commit defines.
        worktree: Id of the working tree that the commit is made of, and of the run; empty for a commit of the repository.
    """

    tree: FetchedCommit
    ref: str
    event: str
    commit: CommitNote
    base_branch: str = ""
    is_from_fork: bool = False
    pipelines: Sequence[Pipeline] = ()
    worktree: str = ""


def run_mode(request: RunRequest) -> Mode:
    """Return the mode of a run.

    Raises:
        InvalidRequest: `execution_mode` is unknown.
    """
    mode = request.execution_mode.strip().lower()
    if mode not in ("", OFFLINE_CACHED):
        raise InvalidRequest(f'execution_mode "{mode}" is unknown', hint=f'leave it out, or say "{OFFLINE_CACHED}"')
    return Mode.RUN_OFFLINE if mode else Mode.RUN


def _check_agent(request: RunRequest) -> None:
    """Return if the agent to which a run is pinned, if any, can exist."""
    if agent_id := request.agent_id.strip():
        check_agent_id(agent_id)


class Preparer(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    remotes: Remotes
    stale_definitions: StaleDefinitions
    commits: CommitNotes
    numbers: NumberSource
    asks_approvals: bool

    def pipeline(self, pipeline_db_id: int, request: RunRequest, mode: Mode, *, event: str = MANUAL) -> Prepared:
        """Prepare a run of one pipeline, which *event* starts.

        Raises:
            NotFound: No such pipeline.
            InputRefused: An input is unknown or missing, or can't have its value.
            InvalidRequest: A dependency is not satisfied, or the selection, the mode or the requested agent is impossible.
            GitFailed: `source_ref` can't be resolved.
        """
        _check_agent(request)
        with self.store.read() as view:
            record = get_pipeline(view, pipeline_db_id)
            project = get_project(view, record.project_id)
            pipeline = record.definition
            check_inputs(request.inputs, [pipeline])
            inherited = inherit(view, project.id, pipeline, for_dry_run=request.dry_run)
            cached = _cached(view, project, pipeline, request, inherited, mode)
            is_followed = mode is Mode.RUN and is_whole(request) and _is_followed(view, project, pipeline)
        source = cached.source if cached else self._resolved(project, pipeline, request, inherited, mode)
        if cached and mode.is_run:
            check_offline_source(pipeline, cached, in_chain=False)
        prefix = "offline" if mode is Mode.RUN_OFFLINE else "run"
        identity = self._identity(project, f"{prefix}-{self.numbers.next()}", event=event)
        planned = plan(
            pipeline,
            request,
            source=source,
            identity=identity,
            dependencies=inherited.runs,
            tolerates_missing_needs=not mode.is_run,
            tolerates_missing_inputs=mode.is_only_shown,
        )
        planned = _finished(pipeline, planned, source, request, mode)
        prepared = self._prepared(
            project, pipeline.id, identity.pipeline_run_id, planned, cached, source, source.warnings, mode, event=event
        )
        return msgspec.structs.replace(prepared, is_followed=is_followed)

    def at_commit(
        self, project: ProjectRecord, pipeline: Pipeline, start: CommitStart, *, request: RunRequest | None = None
    ) -> Prepared:
        """Prepare a run of a pipeline of *project* as the project file of a commit defines it.

        Args:
            request: What somebody asks for; None for the whole pipeline with its own values.

        Raises:
            DependencyUnsatisfied: What it depends on has no run to build on.
            InvalidRequest: An input is required or wrong, or something else about the run is impossible.
        """
        if request is None:
            request = RunRequest()
        else:
            _check_agent(request)
            check_inputs(request.inputs, [pipeline])
        with self.store.read() as view:
            inherited = inherit(view, project.id, pipeline, for_dry_run=request.dry_run)
        source = source_at(start.tree, pipeline, ref=start.ref, inherited=inherited)
        source = msgspec.structs.replace(source, worktree=start.worktree)
        identity = msgspec.structs.replace(
            self._identity(project, start.worktree or f"run-{self.numbers.next()}", event=start.event),
            base_branch=start.base_branch,
            is_from_fork=start.is_from_fork,
        )
        planned = plan(pipeline, request, source=source, identity=identity, dependencies=inherited.runs)
        planned = noted_approvals(_finished(pipeline, planned, source, request, Mode.RUN), asks=self.asks_approvals)
        return Prepared(
            project=project,
            name=pipeline.id,
            run_id=identity.pipeline_run_id,
            planned=held_for_approval(planned, ApprovalSpec()) if start.is_from_fork else planned,
            event=start.event,
            commit=start.commit,
            is_followed=not start.is_from_fork and bool(followers(start.pipelines, pipeline.id)),
            warnings=list(source.warnings),
        )

    def chain(self, chain_db_id: int, request: RunRequest, mode: Mode) -> Prepared:
        """Prepare a run of every pipeline of a chain. `chain_members` tells which of them wait for which.

        Members with the repository of the first one build its commit. All take over its version, if it has one.

        Raises:
            NotFound: No such chain.
            InvalidRequest, InputRefused, GitFailed: As for a pipeline. An input goes to all members that have it.
        """
        _check_agent(request)
        with self.store.read() as view:
            chain = get_chain(view, chain_db_id)
            project = get_project(view, chain.project_id)
            members = chain_members(view, chain)
            check_inputs(request.inputs, [member.pipeline for member in members])
            first = members[0].pipeline
            if request.source_ref.strip() and first.vcs_source is None:
                raise InvalidRequest("source_ref override requires first chain pipeline vcs_source.repo")
            inherited = inherit(view, project.id, first, for_dry_run=request.dry_run)
            cached = _cached(view, project, first, request, inherited, mode)
        source = cached.source if cached else self._resolved(project, first, request, inherited, mode)
        if cached and mode.is_run:
            check_offline_source(first, cached, in_chain=True)
            check_offline_chain([member.pipeline for member in members])
        run_id = f"chain-{self.numbers.next()}"
        identities = self._identities(project, chain.chain_id, run_id, members, request, mode)
        planned: list[JobSpec] = []
        warnings = dict.fromkeys(source.warnings)
        for index, (member, identity) in enumerate(zip(members, identities, strict=True)):
            own = source if index == 0 else self._member_source(member.pipeline, source, mode)
            warnings |= dict.fromkeys(own.warnings)
            jobs = plan(
                member.pipeline,
                request,
                source=own,
                identity=identity,
                dependencies=inherited.runs if index == 0 else None,
                tolerates_missing_needs=not mode.is_run,
                tolerates_missing_inputs=mode.is_only_shown,
            )
            planned += _finished(member.pipeline, jobs, own, request, mode)
        return self._prepared(project, chain.chain_id, run_id, planned, cached, source, tuple(warnings), mode)

    def _identities(
        self,
        project: ProjectRecord,
        chain_id: str,
        run_id: str,
        members: list[Member],
        request: RunRequest,
        mode: Mode,
    ) -> list[RunIdentity]:
        """Return the identity of each member in the chain run. Nobody waits for a member without selected jobs."""
        present = {member.pipeline.id for member in members if selects(request, member.pipeline)}
        identities = []
        for index, member in enumerate(members):
            waits_for = [name for name in member.waits_for if name in present]
            place = JobMetadata.entries(
                JobMetadata.chain_run_id(run_id),
                JobMetadata.pipeline_chain_id(chain_id),
                JobMetadata.pipeline_chain_index(str(index)),
                JobMetadata.pipeline_chain_position(str(index + 1)),
                JobMetadata.pipeline_chain_total(str(len(members))),
                JobMetadata.chain_depends_on_pipelines(waits_for),
                JobMetadata.chain_blocked(bool(waits_for)),
            )
            own_id = f"offline-{run_id}-{index}" if mode is Mode.RUN_OFFLINE else f"run-{self.numbers.next()}"
            identities.append(self._identity(project, own_id, chain=place))
        return identities

    def _identity(
        self,
        project: ProjectRecord,
        pipeline_run_id: str,
        *,
        event: str = MANUAL,
        chain: dict[str, str] | None = None,
    ) -> RunIdentity:
        return RunIdentity(
            project=project.name,
            project_id=project.id,
            pipeline_run_id=pipeline_run_id,
            event=event,
            chain=chain or {},
        )

    def _prepared(
        self,
        project: ProjectRecord,
        name: str,
        run_id: str,
        planned: list[JobSpec],
        cached: CachedSource | None,
        source: SourceContext,
        warnings: tuple[str, ...],
        mode: Mode,
        *,
        event: str = MANUAL,
    ) -> Prepared:
        if mode.is_run and not planned:
            raise InvalidRequest(NO_MATCH)
        return Prepared(
            project=project,
            name=name,
            run_id=run_id,
            planned=noted_approvals(planned, asks=self.asks_approvals),
            event=event,
            cache_source=cached.origin if cached else "",
            commit=self.commits.find(source.repo, source.commit) if mode is Mode.RUN else CommitNote(),
            warnings=[*(cached.warnings if cached else ()), *warnings],
        )

    def _resolved(
        self, project: ProjectRecord, pipeline: Pipeline, request: RunRequest, inherited: Inherited, mode: Mode
    ) -> SourceContext:
        if mode is Mode.ELIGIBLE:
            check_ref(request.source_ref, field="source_ref")
            return _unresolved(pipeline, request.source_ref.strip())
        source = resolve_source(self.remotes, pipeline, source_ref=request.source_ref, inherited=inherited)
        if mode.is_run and not request.source_ref.strip():
            self._follow(project, pipeline, source)
        stale = self.stale_definitions.warnings(project, source)
        return msgspec.structs.replace(source, warnings=(*source.warnings, *stale))

    def _follow(self, project: ProjectRecord, pipeline: Pipeline, source: SourceContext) -> None:
        """Note the present name of the default branch, if *pipeline* follows it and the remote has told."""
        own = pipeline.vcs_source
        if own is not None and own.follows_default and source.ref_raw != own.ref:
            self.store.write(lambda tx: follow(tx, project.id, source.ref_raw))

    def _member_source(self, pipeline: Pipeline, first: SourceContext, mode: Mode) -> SourceContext:
        """Return the source of a later member.

        It has the version of the first member, and its commit and ref if the repository is the same. If the first has no
        version, the member's own version file is read in that same commit, so that a chain never mixes two commits.
        """
        own = pipeline.vcs_source
        if mode is Mode.ELIGIBLE:
            return _unresolved(pipeline, first.ref_raw if own and own.repo.strip() == first.repo else "")
        versioning = pipeline.versioning
        if not mode.is_offline and (own is None or own.repo.strip() != first.repo):
            inherited = Inherited(
                version_raw=first.version_raw, version=first.version, repo=first.repo, commit=first.commit
            )
            return resolve_source(self.remotes, pipeline, source_ref="", inherited=inherited)
        source = SourceContext(
            repo=own.repo.strip() if own else "",
            ref_raw=first.ref_raw,
            commit=first.commit,
            version_raw=first.version_raw,
            version=first.version,
            tag_prefix=versioning.tag_prefix if versioning else "",
            version_file=versioning.file if versioning else "",
        )
        return source if first.version or mode.is_offline else with_own_version(self.remotes, pipeline, source)


def _is_followed(view: View, project: ProjectRecord, pipeline: Pipeline) -> bool:
    known = (record.definition for record in view.pipelines.of_project(project.id))
    return bool(followers(known, pipeline.id))


def _unresolved(pipeline: Pipeline, ref: str) -> SourceContext:
    """Return what is known of the source without asking the remote: repository and ref, by which conditions are decided.

    Args:
        ref: The ref instead of the pipeline's own; empty for that.
    """
    own = pipeline.vcs_source
    return SourceContext(repo=own.repo.strip(), ref_raw=ref or own.ref) if own else SourceContext()


def _cached(
    view: View, project: ProjectRecord, pipeline: Pipeline, request: RunRequest, inherited: Inherited, mode: Mode
) -> CachedSource | None:
    return cached_source(view, project.id, pipeline, request, inherited) if mode.is_offline else None


def _finished(
    pipeline: Pipeline, planned: list[JobSpec], source: SourceContext, request: RunRequest, mode: Mode
) -> list[JobSpec]:
    """Apply what only wet or offline runs have: the automatic bump, and the checks of offline runs."""
    if mode is Mode.RUN_OFFLINE:
        check_offline_jobs(pipeline, planned, dry_run=request.dry_run)
        return [_marked(job) for job in planned]
    if request.dry_run or mode.is_offline:
        return planned
    if mode is Mode.ELIGIBLE:
        check_auto_bump(pipeline, planned)
        return planned
    return with_auto_bump(pipeline, planned, source)


def _marked(job: JobSpec) -> JobSpec:
    return replace(job, metadata=job.metadata | JobMetadata.entries(JobMetadata.execution_mode(OFFLINE_CACHED)))


def as_dry_run(request: RunRequest) -> RunRequest:
    """Return *request* as previews take it: always dry, names trimmed."""
    return replace(
        request,
        dry_run=True,
        pipeline_job_id=request.pipeline_job_id.strip(),
        matrix_name=request.matrix_name.strip(),
    )
