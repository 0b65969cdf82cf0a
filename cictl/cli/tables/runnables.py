"""What the tables of pipelines and chains show."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cictl.base.job_parts import ApprovalSpec, ConcurrencySpec, RetrySpec
from cictl.cli.names import Target
from cictl.cli.output.table import Column, Result
from cictl.cli.tables.sources import source_text
from cictl.wire.codec import Message
from cictl.wire.projects import (
    ChainSummary,
    InputDetail,
    JobDetail,
    PipelineDetail,
    PipelineSummary,
    StepDetail,
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
    Column("SOURCE", lambda p: source_text(p.source_repo, p.source_ref), wide=True),
)


def pipelines_result(targets: Sequence[Target]) -> Result[ListedPipeline]:
    """Return the list of the pipelines among *targets*."""
    listed = [
        ListedPipeline(
            **msgspec.structs.asdict(t.definition),
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
            Column("Source", lambda p: source_text(p.source_repo, p.source_ref)),
            Column("Priority", lambda p: str(p.priority) if p.priority else ""),
            Column("Concurrency", lambda p: _group_text(p.concurrency)),
            Column("Inputs", lambda p: [_input_text(declared) for declared in p.inputs]),
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
            **msgspec.structs.asdict(t.definition),
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
    return f"{name} (id {pipeline.id}): {job_names(pipeline.jobs)}{needs}"


def job_names(jobs: Sequence[JobDetail]) -> str:
    return ", ".join(job.id for job in jobs) or "no jobs"


def _input_text(declared: InputDetail) -> str:
    """Return `level: quick or full; quick unless given; How much to brew`."""
    kind = " or ".join(declared.options) or declared.type
    unless_given = f"{declared.default} unless given" if declared.default else ""
    facts = (kind, "required" if declared.required else unless_given, declared.description)
    return f"{declared.name}: {'; '.join(filter(None, facts))}"


def _step_text(step: StepDetail) -> str:
    """Return the name that people gave the step or its test, else the first line of its command; and its condition."""
    text = step.name or step.test_name or (step.run or step.test_command).strip().partition("\n")[0]
    return f"{text}; if {step.condition}" if step.condition else text


def _retry_text(retry: RetrySpec | None) -> str:
    return f"retry up to {retry.limit} after {', '.join(retry.on)}" if retry else ""


def _approval_text(approval: ApprovalSpec | None) -> str:
    return f"approval by {' or '.join(approval.roles)} within {approval.timeout_seconds} s" if approval else ""


def _group_text(concurrency: ConcurrencySpec | None, before: str = "") -> str:
    if concurrency is None:
        return ""
    return f"{before}{concurrency.limit} at once in the group {concurrency.group}, on_new {concurrency.on_new}"


def _job_lines(job: JobDetail) -> list[str]:
    facts = [
        f"needs {', '.join(job.needs)}" if job.needs else "",
        f"if {job.condition}" if job.condition else "",
        "may fail" if job.allow_failure else "",
        f"timeout {job.timeout_seconds} s" if job.timeout_seconds else "",
        f"priority {job.priority}" if job.priority is not None else "",
        _retry_text(job.retry),
        _approval_text(job.approval),
        _group_text(job.concurrency, "concurrency "),
        f"locks {', '.join(job.locks)}" if job.locks else "",
        f"matrix {', '.join(m.name or str(m.index) for m in job.matrix_includes)}" if job.matrix_includes else "",
    ]
    head = job.id + "".join(f"; {fact}" for fact in facts if fact)
    steps = [_step_text(step) for step in job.steps]
    return [head, *(f"  {number}. {text}" for number, text in enumerate(steps, start=1))]
