"""The steps of an execution."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from cictl.expressions import ExpressionError, decide
from cictl.project_file import Job, render, render_all
from cictl.project_file import Step as StepDefinition
from cictl.wire.jobs import SKIPPED_STEP, TEST_STEP, Step
from cictl_server.errors import InvalidRequest
from cictl_server.services.pipelines.planning.names import is_open


def plan_steps(job: Job, values: Mapping[str, str], *, conditions: Mapping[str, str], dry_run: bool) -> list[Step]:
    """Return the steps of *job* that are left once its templates are replaced, numbered from 1.

    Args:
        values: Of the names in templates.
        conditions: Of the names in conditions.

    Raises:
        InvalidRequest: The condition of a step can't be decided.
    """
    kept = [
        (position, definition, script)
        for position, definition in enumerate(job.steps, start=1)
        if (script := _script(definition, values, dry_run=dry_run)) is None or script.strip()
    ]
    steps = [
        _step(definition, script, values, job=job, position=position, index=index, total=len(kept))
        for index, (position, definition, script) in enumerate(kept, start=1)
    ]
    return [_with_condition_decided(step, job, conditions) for step in steps]


def _with_condition_decided(step: Step, job: Job, values: Mapping[str, str]) -> Step:
    """Return *step* with what is left of its condition, and the text of the file where that says it better."""
    try:
        left = decide(step.condition, values, is_open=is_open)
    except ExpressionError as error:
        raise InvalidRequest(
            f'the condition of step {step.index} of job "{job.id}" can\'t be decided: {error}'
        ) from error
    return replace(step, condition=left, written_if=step.condition if left not in ("", step.condition) else "")


def _script(definition: StepDefinition, values: Mapping[str, str], *, dry_run: bool) -> str | None:
    """Return the rendered command of a step; None if this is a dry run and skips it."""
    if dry_run and definition.skip_dry_run:
        return None
    return render(_command(definition), values)


def _step(
    definition: StepDefinition,
    script: str | None,
    values: Mapping[str, str],
    *,
    job: Job,
    position: int,
    index: int,
    total: int,
) -> Step:
    base = Step(
        index=index,
        total=total,
        name=render(definition.name, values),
        env=render_all(definition.env, values),
        timeout_seconds=definition.timeout_seconds,
        working_directory=render(definition.working_directory, values),
        continue_on_error=definition.continue_on_error,
        condition=definition.condition,
        shell="" if definition.shell == job.shell else definition.shell,
        vault_connection=definition.vault.connection if definition.vault else "",
        vault_secrets=definition.vault.secrets if definition.vault else [],
    )
    if script is None:
        return replace(base, name=base.name or _command(definition).strip(), kind=SKIPPED_STEP)
    if definition.test is None:
        return replace(base, name=base.name or f"step {position}", script=script)
    test = definition.test
    name = render(test.name, values) or f"{job.id}-test-{index}"
    return replace(
        base,
        name=base.name or f"test {name}",
        script=script,
        kind=TEST_STEP,
        test_name=name,
        test_format=test.format,
        test_report=render(test.report_paths, values),
        coverage_format=test.coverage_format,
        coverage_report=render(test.coverage_report, values),
    )


def _command(definition: StepDefinition) -> str:
    return definition.test.command if definition.test else definition.run
