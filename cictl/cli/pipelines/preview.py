"""What a run would do, shown and not started: previews, agents that fit, branches; of pipelines and chains alike."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

import msgspec

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.cli.app.session import Session
from cictl.cli.names import Target, find_agent
from cictl.cli.output.slow import reading_text, told_when_slow
from cictl.cli.output.table import Column, Line, Result
from cictl.cli.tables.agents import AGENT_COLUMNS
from cictl.cli.tables.sources import source_text
from cictl.wire.agents import Agent
from cictl.wire.projects import (
    EligibleAgents,
    PendingJob,
    PreviewRequest,
    PreviewResponse,
    PreviewStep,
    RunRequest,
    SourceRef,
    SourceRefs,
)
from cictl.wire.waiting.requirements import CONTAINER_TOOL, TOOL

SHOWN_LINES = 8
"""The most lines of a step's script that are shown."""

_DEGRADED = "the server is degraded: it lacks git, or no agent was heard of lately"


def preview(session: Session, target: Target, request: PreviewRequest, *, agent: str) -> None:
    """Show what a dry run of *target* would enqueue.

    Raises:
        Failure: What a run would meet: it would be refused (1), or no agent could take a job of it (11).
    """
    request = msgspec.structs.replace(request, pipeline_job_id=target.job, agent_id=_pin(session, agent))
    ask = session.client.preview_chain if target.is_chain else session.client.preview_pipeline
    with told_when_slow(session, reading_text(f"the repository of {target.full_name}", limit="a minute or two")):
        answer = ask(target.definition.id, request)
    session.show(preview_result(target, answer))
    _check(target, answer)


def show_eligible_agents(session: Session, target: Target, request: RunRequest, *, agent: str) -> None:
    """Show which agents could take every job of a run of *target*.

    Raises:
        Failure: Nothing is selected (1), or none could (11).
    """
    request = msgspec.structs.replace(request, pipeline_job_id=target.job, agent_id=_pin(session, agent))
    client = session.client
    ask = client.eligible_agents_for_chain if target.is_chain else client.eligible_agents_for_pipeline
    answer = ask(target.definition.id, request)
    if answer.pending_jobs:
        agents = [] if session.wants_data else client.list_agents()
        session.show(_eligible_result(answer, agents))
        if not answer.eligible_agent_ids:
            raise _no_agent(
                f"no agent could take all {_count(answer.pending_jobs)} of {target.full_name}",
                hint=f"`cictl {_group(target)} preview {shlex.quote(target.full_name)}` shows what each job needs",
            )
    else:
        session.show(_eligible_result(answer, []))
        raise _nothing_selected(target)


def show_source_refs(session: Session, target: Target) -> None:
    """Show the branches that *target* could be run from."""
    ask = session.client.source_refs_of_chain if target.is_chain else session.client.source_refs_of_pipeline
    with told_when_slow(session, reading_text(f"the repository of {target.full_name}", limit="20 seconds")):
        answer = ask(target.definition.id)
    session.show(_refs_result(target, answer))


def preview_result(target: Target, answer: PreviewResponse) -> Result[PreviewResponse]:
    """Return the preview as text for people."""
    return Result(
        message=answer,
        rows=[answer],
        columns=(),
        name=lambda _: "",
        names=tuple(job_name(target, job) for job in answer.pending_jobs),
        prose=lambda _: list(_lines(target, answer)),
    )


def job_name(target: Target, job: PendingJob) -> str:
    """Return `job/matrix`, with the pipeline before it in a chain."""
    parts = [job.pipeline_id if target.is_chain else "", job.pipeline_job_id, job.matrix_name]
    return "/".join(part for part in parts if part)


def agents_of(job: PendingJob, answer: PreviewResponse) -> list[str]:
    """Return the agents that could take *job*; a reference server names only those that could take every job."""
    return (answer.eligible_agent_ids or []) if job.eligible_agent_ids is None else job.eligible_agent_ids


def _pin(session: Session, agent: str) -> str:
    return find_agent(session.client, agent).agent_id if agent else ""


def _group(target: Target) -> str:
    return "chains" if target.is_chain else "pipelines"


def _check(target: Target, answer: PreviewResponse) -> None:
    """Raise the failure that a run would meet, if any."""
    if not answer.pending_jobs:
        raise _nothing_selected(target)
    unfit = [job for job in answer.pending_jobs if not job.skipped and not agents_of(job, answer)]
    if unfit:
        names = ", ".join(job_name(target, job) for job in unfit[:5]) + (" …" if len(unfit) > 5 else "")
        reasons = list(dict.fromkeys(reason for job in unfit for reason in job.unmet_requirements))
        why = f": {'; '.join(reasons)}" if reasons else ""
        raise _no_agent(f"no agent could take {names}{why}", hint="`cictl agents list` shows the agents there are")


def _no_agent(message: str, *, hint: str) -> Failure:
    return Failure(message, exit_code=ExitCode.NO_AGENT, code="no_agent", hint=hint)


def _nothing_selected(target: Target) -> Failure:
    return Failure(
        f"a run would be refused: the selection leaves nothing of {target.full_name}",
        exit_code=ExitCode.ERROR,
        code="invalid_request",
        hint=f"`cictl {_group(target)} show {shlex.quote(f'{target.project.name}/{target.name}')}` shows the jobs and matrix entries",
    )


def _lines(target: Target, answer: PreviewResponse) -> Iterator[Line]:
    version = f" as version {answer.version}" if answer.version else ""
    count = sum(not job.skipped for job in answer.pending_jobs)
    yield "", f"A dry run of {target.full_name} would enqueue {_count(count)}{version}."
    sources = list(dict.fromkeys(source_text(job.source_repo, job.source_ref) for job in answer.pending_jobs))
    if answer.pending_jobs:
        yield from _facts(answer, sources)
    for job in answer.pending_jobs:
        yield "", ""
        yield "", job_name(target, job)
        if job.condition:
            yield "  if         ", job.condition + ("; it is false, so the job is skipped" if job.skipped else "")
        if job.skipped:
            continue
        yield from _job_lines(job, answer, with_source=len(sources) > 1)


def _facts(answer: PreviewResponse, sources: Sequence[str]) -> Iterator[Line]:
    if len(sources) == 1:
        yield "Source:    ", sources[0] or "none; nothing is checked out"
    if answer.cache_used:
        kind = "a dependency's run" if answer.cache_source == "dependency" else "an earlier run of the pipeline"
        yield "Offline:   ", f"commit and version come from {kind}"
    takers = ", ".join(answer.eligible_agent_ids or [])
    yield "Agents:    ", takers or "no single one could take every job"
    if answer.mode != "normal":
        yield "Warning:   ", _DEGRADED
    for warning in answer.warnings:
        yield "Warning:   ", warning


def _job_lines(job: PendingJob, answer: PreviewResponse, *, with_source: bool) -> Iterator[Line]:
    if with_source:
        yield "  source     ", source_text(job.source_repo, job.source_ref) or "none"
    if job.required_capabilities:
        yield "  requires   ", ", ".join(_requirement(*item) for item in sorted(job.required_capabilities.items()))
    agents = agents_of(job, answer)
    why = f": {'; '.join(job.unmet_requirements)}" if job.unmet_requirements else ""
    yield "  agents     ", ", ".join(agents) or f"none{why}"
    if job.dependency_blocked:
        yield "  waits      ", "for other jobs of the run"
    if job.priority:
        yield "  priority   ", str(job.priority)
    for rule in job.rules:
        yield "  rule       ", rule.text + ("; so it would wait" if rule.holds else "")
    for step in job.step_plan:
        yield from _step_lines(step)
    if job.artifact_globs:
        yield "  artifacts  ", ", ".join(job.artifact_globs)


def _step_lines(step: PreviewStep) -> Iterator[Line]:
    """Yield a step's commands. Of names only a test's is shown: the others are made of the command."""
    notes = ["skipped by a dry run"] if step.skip_dry_run else []
    if step.vault_connection:
        notes.append(f"secrets from vault {step.vault_connection}")
    if step.test_name:
        notes.append(f"test {step.test_name}")
    lines = [line for line in step.script.splitlines() if line.strip()] or [step.name]
    shown = lines[:SHOWN_LINES]
    shown[0] += f"  ({'; '.join(notes)})" if notes else ""
    yield f"  step {step.index:<6}", shown[0]
    yield from (("             ", line) for line in shown[1:])
    if len(lines) > SHOWN_LINES:
        yield "             ", f"and {len(lines) - SHOWN_LINES} more lines; `-o json` has all"


def _requirement(key: str, value: str) -> str:
    if key.startswith(CONTAINER_TOOL):
        return f"{key.removeprefix(CONTAINER_TOOL)} {value} in the container"
    return f"{key.removeprefix(TOOL)} {value}" if key.startswith(TOOL) else f"{key}={value}"


def _count(jobs: int) -> str:
    return f"{jobs} job" + ("" if jobs == 1 else "s")


def _eligible_result(answer: EligibleAgents, agents: Sequence[Agent]) -> Result[Agent]:
    ids = answer.eligible_agent_ids or []
    return Result(
        message=answer,
        rows=[agent for agent in agents if agent.agent_id in ids],
        columns=AGENT_COLUMNS,
        name=lambda a: a.agent_id,
        names=tuple(ids),
    )


def _refs_result(target: Target, answer: SourceRefs) -> Result[SourceRef]:
    return Result(
        message=answer,
        rows=answer.refs,
        columns=(
            Column("BRANCH", lambda r: r.name),
            Column("DEFAULT", lambda r: "yes" if r.ref == answer.default_ref else ""),
            Column("REF", lambda r: r.ref, wide=True),
        ),
        name=lambda r: r.name,
        empty=f"{target.full_name} has no repository",
    )
