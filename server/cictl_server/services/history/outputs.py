"""Outputs of jobs, put into the texts of the jobs that need them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from cictl.expressions import decide
from cictl.project_file import render_all
from cictl.project_file.names import NEEDS, output_name
from cictl.wire.jobs import JobSpec, JobStatus, Step
from cictl_server.services.history.past_runs import by_job
from cictl_server.store.records.jobs import JobRecord

_FIELDS = (
    "script",
    "required_capabilities",
    "env",
    "artifact_globs",
    "caches",
    "step_plan",
    "working_directory",
    "services",
    "artifacts",
    "declared_outputs",
)
"""The parts of an execution in which templates are replaced."""


def outputs_of(needs: Mapping[str, list[JobRecord]]) -> dict[str, str]:
    """Return the outputs of jobs by their names in templates. Of several rows with one output, the last counts."""
    return {
        output_name(need, name): text
        for need, executions in needs.items()
        for execution in executions
        for name, text in (dict.fromkeys(execution.declared_outputs, "") | execution.outputs).items()
    }


def with_outputs(job: JobRecord, values: Mapping[str, str]) -> JobRecord:
    """Return *job* with the outputs in its texts, and with the conditions of its steps decided. It keeps its templates.

    Raises:
        ExpressionError: A condition compares as a number what is none.
    """
    if not values:
        return job
    changed = replace(job, **{name: render_all(text, values) for name, text in _texts(job).items()})
    steps = [_with_condition_decided(step, values) if NEEDS in step.condition else step for step in changed.step_plan]
    filled = replace(changed, step_plan=steps)
    return replace(filled, templates=JobSpec(**_texts(job))) if filled != job else job


def with_templates(job: JobRecord) -> JobRecord:
    """Return *job* as it was before `with_outputs`, for an execution that repeats it: other outputs may come into its texts."""
    return replace(job, **_texts(job.templates), templates=None) if job.templates else job


def with_newest_outputs(job: JobRecord, run: Iterable[JobRecord]) -> JobRecord:
    """Return *job*, which is to run again, with the outputs that its needs have left last.

    Args:
        run: All executions of its run. One that has not succeeded leaves none, so an earlier one counts.

    Raises:
        ExpressionError: A condition compares as a number what is none.
    """
    members = list(run)
    over = by_job(member for member in members if member.status.is_terminal)
    good = by_job(member for member in members if member.status is JobStatus.SUCCEEDED)
    needs = {need: good.get(need) or over.get(need, []) for need in job.facts.needs_job_ids}
    if not all(needs.values()):  # one was removed, and nobody knows its outputs any more
        return job
    return with_outputs(with_templates(job), outputs_of(needs))


def _texts(job: JobSpec) -> dict[str, Any]:
    return {name: getattr(job, name) for name in _FIELDS}


def _with_condition_decided(step: Step, values: Mapping[str, str]) -> Step:
    return replace(step, condition=decide(step.condition, values), written_if=step.written_if or step.condition)
