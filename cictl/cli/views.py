"""What the tables of agents, projects, pipelines, chains and artifacts show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cictl.cli.selecting import Target
from cictl.render import Column, Result, size
from cictl.wire.agents import Agent, AgentList, AgentResponse
from cictl.wire.artifacts import Artifact, ArtifactList
from cictl.wire.codec import Message
from cictl.wire.projects import (
    ChainSummary,
    JobDetail,
    PipelineDetail,
    PipelineSummary,
    ProjectDetail,
    ProjectList,
    ProjectResponse,
    ProjectSummary,
)

# The contract, "Health and state": the age of the last heartbeat up to which an agent counts as online, and as stale.
ONLINE_FOR = timedelta(seconds=20)
STALE_FOR = timedelta(seconds=60)


def agent_state(agent: Agent, now: datetime) -> str:
    """Return online, stale or offline by the agent's last heartbeat; deactivated wins."""
    if agent.deactivated:
        return "deactivated"
    age = now - agent.last_seen_utc
    if age <= ONLINE_FOR:
        return "online"
    return "stale" if age <= STALE_FOR else "offline"


def _state_now(agent: Agent) -> str:
    return agent_state(agent, datetime.now(UTC))


def _update_text(agent: Agent) -> str:
    """Return how the update that the agent was or will be asked for stands; empty when there is none."""
    if not agent.update_requested:
        return ""
    parts = [f"to {agent.update_target}", f"attempt {agent.update_attempts}" if agent.update_attempts else ""]
    if agent.update_in_progress:
        parts.append("in progress")
    elif agent.update_next_retry_utc is not None:
        parts.append(f"next attempt at {agent.update_next_retry_utc:%Y-%m-%dT%H:%M:%SZ}")
    else:
        parts.append("next attempt once it is idle")
    return ", ".join(part for part in parts if part)


AGENT_COLUMNS: tuple[Column[Agent], ...] = (
    Column("AGENT", lambda a: a.agent_id),
    Column("STATE", _state_now),
    Column("BUSY", lambda a: "yes" if a.job_in_progress else "no"),
    Column("SEEN", lambda a: a.last_seen_utc),
    Column("PLATFORM", lambda a: f"{a.os}/{a.arch}"),
    Column("VERSION", lambda a: a.version),
    Column("HOST", lambda a: a.hostname, wide=True),
    Column("EXECUTOR", lambda a: (a.capabilities or {}).get("executor", ""), wide=True),
    Column("SHELLS", lambda a: (a.capabilities or {}).get("shells", ""), wide=True),
)

AGENT_DETAILS: tuple[Column[Agent], ...] = (
    Column("Agent", lambda a: a.agent_id),
    Column("State", _state_now),
    Column("Busy", lambda a: "yes" if a.job_in_progress else "no"),
    Column("Last seen", lambda a: a.last_seen_utc),
    Column("Host", lambda a: a.hostname),
    Column("Platform", lambda a: f"{a.os}/{a.arch}"),
    Column("Version", lambda a: a.version),
    Column("Needs update", lambda a: f"yes, to {a.update_target}" if a.needs_update else ""),
    Column("Update", _update_text),
    Column("Update error", lambda a: a.update_last_error),
    Column("Capabilities", lambda a: [f"{key}={value}" for key, value in sorted((a.capabilities or {}).items())]),
    Column("Recent log", lambda a: a.recent_log),
)


def agents_result(agents: list[Agent]) -> Result[Agent]:
    """Return the list of agents."""
    return Result(
        message=AgentList(agents=agents),
        rows=agents,
        columns=AGENT_COLUMNS,
        name=lambda a: a.agent_id,
        empty="no agents are known; `cictl run-agent` starts one",
    )


def agent_result(agent: Agent) -> Result[Agent]:
    """Return one agent in detail."""
    return Result(
        message=AgentResponse(agent=agent),
        rows=[agent],
        columns=AGENT_DETAILS,
        name=lambda a: a.agent_id,
        detailed=True,
    )


PROJECT_COLUMNS: tuple[Column[ProjectSummary], ...] = (
    Column("ID", lambda p: p.id),
    Column("PROJECT", lambda p: p.name),
    Column("REF", lambda p: p.repo_ref),
    Column("PIPELINES", lambda p: len(p.pipelines)),
    Column("CHAINS", lambda p: len(p.pipeline_chains)),
    Column("LOADED", lambda p: p.updated_utc),
    Column("COMMIT", lambda p: p.loaded_commit[:12]),
    Column("REPOSITORY", lambda p: p.repo_url, wide=True),
    Column("FILE", lambda p: p.config_file, wide=True),
)


def projects_result(projects: list[ProjectSummary]) -> Result[ProjectSummary]:
    """Return the list of projects."""
    return Result(
        message=ProjectList(projects=projects),
        rows=projects,
        columns=PROJECT_COLUMNS,
        name=lambda p: p.name,
        empty="no projects; `cictl projects import URL` adds one",
    )


PROJECT_DETAILS: tuple[Column[ProjectDetail], ...] = (
    Column("Project", lambda p: p.name),
    Column("Id", lambda p: p.id),
    Column("Repository", lambda p: p.repo_url),
    Column("Ref", lambda p: p.repo_ref),
    Column("File", lambda p: p.config_file),
    Column("Commit", lambda p: p.loaded_commit),
    Column("Loaded", lambda p: p.updated_utc),
    Column("Pipelines", lambda p: [f"{q.pipeline_id} (id {q.id}): {_job_names(q.jobs)}" for q in p.pipelines]),
    Column("Chains", lambda p: [f"{c.chain_id} (id {c.id}): {' -> '.join(c.pipelines)}" for c in p.pipeline_chains]),
)


def project_result(project: ProjectDetail) -> Result[ProjectDetail]:
    """Return one project in detail."""
    return Result(
        message=ProjectResponse(project=project),
        rows=[project],
        columns=PROJECT_DETAILS,
        name=lambda p: p.name,
        detailed=True,
    )


class ListedPipeline(PipelineSummary):
    """A pipeline as the list of projects has it, with the project that owns it."""

    project: str = ""
    project_id: int = 0


class PipelineList(Message):
    """What `pipelines list` shows; the API has pipelines inside projects only."""

    pipelines: list[ListedPipeline]


class PipelineResponse(Message):
    """What `pipelines show` shows: a pipeline as the project's detail has it."""

    project: str
    pipeline: PipelineDetail


PIPELINE_COLUMNS: tuple[Column[ListedPipeline], ...] = (
    Column("ID", lambda p: p.id),
    Column("PIPELINE", lambda p: f"{p.project}/{p.pipeline_id}"),
    Column("TRIGGER", lambda p: p.trigger),
    Column("DEPENDS ON", lambda p: p.depends_on, folds=True),
    Column("DRY RUN", lambda p: "yes" if p.supports_dry_run else "no"),
    Column("SOURCE", lambda p: f"{p.source_repo}@{p.source_ref}" if p.source_ref else p.source_repo, wide=True),
)


def pipelines_result(targets: Sequence[Target]) -> Result[ListedPipeline]:
    """Return the list of the pipelines among *targets*."""
    listed = [
        ListedPipeline(
            **{name: getattr(t.definition, name) for name in PipelineSummary.__struct_fields__},
            project=t.project.name,
            project_id=t.project.id,
        )
        for t in targets
        if not t.is_chain
    ]
    return Result(
        message=PipelineList(pipelines=listed),
        rows=listed,
        columns=PIPELINE_COLUMNS,
        name=lambda p: f"{p.project}/{p.pipeline_id}",
        empty="no pipelines; `cictl projects import URL` brings some",
    )


def pipeline_result(project: str, pipeline: PipelineDetail) -> Result[PipelineDetail]:
    """Return one pipeline in detail."""
    return Result(
        message=PipelineResponse(project=project, pipeline=pipeline),
        rows=[pipeline],
        columns=(
            Column("Pipeline", lambda p: f"{project}/{p.pipeline_id}"),
            Column("Id", lambda p: p.id),
            Column("Trigger", lambda p: p.trigger),
            Column("Depends on", lambda p: ", ".join(p.depends_on)),
            Column("Source", lambda p: f"{p.source_repo}@{p.source_ref}" if p.source_ref else p.source_repo),
            Column("Jobs", lambda p: [line for job in p.jobs for line in _job_lines(job)]),
        ),
        name=lambda p: f"{project}/{p.pipeline_id}",
        detailed=True,
    )


class ListedChain(ChainSummary):
    """A chain as the list of projects has it, with the project that owns it."""

    project: str = ""
    project_id: int = 0


class ChainList(Message):
    """What `chains list` shows; the API has chains inside projects only."""

    pipeline_chains: list[ListedChain]


class ChainResponse(Message):
    """What `chains show` shows: a chain, and its pipelines as the project's detail has them."""

    project: str
    pipeline_chain: ChainSummary
    pipelines: list[PipelineDetail]


CHAIN_COLUMNS: tuple[Column[ListedChain], ...] = (
    Column("ID", lambda c: c.id),
    Column("CHAIN", lambda c: f"{c.project}/{c.chain_id}"),
    Column("PIPELINES", lambda c: c.pipelines, folds=True),
    Column("DRY RUN", lambda c: "yes" if c.supports_dry_run else "no"),
)


def chains_result(targets: Sequence[Target]) -> Result[ListedChain]:
    """Return the list of the chains among *targets*."""
    listed = [
        ListedChain(
            **{name: getattr(t.definition, name) for name in ChainSummary.__struct_fields__},
            project=t.project.name,
            project_id=t.project.id,
        )
        for t in targets
        if t.is_chain
    ]
    return Result(
        message=ChainList(pipeline_chains=listed),
        rows=listed,
        columns=CHAIN_COLUMNS,
        name=lambda c: f"{c.project}/{c.chain_id}",
        empty="no chains; a project file declares them as `pipeline_chains`",
    )


def chain_result(project: str, chain: ChainSummary, pipelines: Sequence[PipelineDetail]) -> Result[ChainSummary]:
    """Return one chain in detail; *pipelines* are those of its project."""
    known = {p.pipeline_id: p for p in pipelines}
    members = [known[name] for name in chain.pipelines if name in known]
    lines = [
        f"{number}. {_member_text(name, known.get(name), chain.pipelines)}"
        for number, name in enumerate(chain.pipelines, start=1)
    ]
    return Result(
        message=ChainResponse(project=project, pipeline_chain=chain, pipelines=members),
        rows=[chain],
        columns=(
            Column("Chain", lambda c: f"{project}/{c.chain_id}"),
            Column("Id", lambda c: c.id),
            Column("Dry run", lambda c: "yes" if c.supports_dry_run else "no"),
            Column("Pipelines", lambda _: lines),
        ),
        name=lambda c: f"{project}/{c.chain_id}",
        detailed=True,
    )


def _member_text(name: str, pipeline: PipelineDetail | None, members: Sequence[str]) -> str:
    if pipeline is None:
        return f"{name} (gone)"
    within = [needed for needed in pipeline.depends_on if needed in members]
    needs = f"; depends on {', '.join(within)}" if within else ""
    return f"{name} (id {pipeline.id}): {_job_names(pipeline.jobs)}{needs}"


def artifacts_result(job_id: str, artifacts: list[Artifact]) -> Result[Artifact]:
    """Return the list of a job execution's artifacts."""
    return Result(
        message=ArtifactList(artifacts=artifacts),
        rows=artifacts,
        columns=(Column("PATH", lambda a: a.path), Column("SIZE", lambda a: size(a.size_bytes))),
        name=lambda a: a.path,
        empty=f"{job_id} has no artifacts",
    )


def _job_names(jobs: Sequence[JobDetail]) -> str:
    return ", ".join(job.id for job in jobs) or "no jobs"


def _job_lines(job: JobDetail) -> list[str]:
    facts = [
        f"needs {', '.join(job.needs)}" if job.needs else "",
        f"timeout {job.timeout_seconds} s" if job.timeout_seconds else "",
        f"matrix {', '.join(m.name or str(m.index) for m in job.matrix_includes)}" if job.matrix_includes else "",
    ]
    head = job.id + "".join(f"; {fact}" for fact in facts if fact)
    steps = [step.test_name or (step.run or step.test_command).strip().partition("\n")[0] for step in job.steps]
    return [head, *(f"  {number}. {text}" for number, text in enumerate(steps, start=1))]
