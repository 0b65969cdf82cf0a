"""Outputs of jobs, put into the texts of the jobs that need them."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from cictl.expressions import decide
from cictl.project_file import render_all
from cictl.project_file.names import NEEDS, output_name
from cictl.wire.jobs import Step
from cictl_server.store.records import JobRecord

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
    """Return *job* with the outputs in its texts, and with the conditions of its steps decided.

    Raises:
        ExpressionError: A condition compares as a number what is none.
    """
    if not values:
        return job
    changed = replace(job, **{name: render_all(getattr(job, name), values) for name in _FIELDS})
    steps = [_with_condition_decided(step, values) if NEEDS in step.condition else step for step in changed.step_plan]
    return replace(changed, step_plan=steps)


def _with_condition_decided(step: Step, values: Mapping[str, str]) -> Step:
    return replace(step, condition=decide(step.condition, values), written_if=step.written_if or step.condition)
