"""What a run says as inputs, checked against what its pipelines take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cictl.project_file import Input, Pipeline
from cictl.project_file.inputs import value_problem, value_without
from cictl_server.errors import InputRefused


def check_inputs(given: Mapping[str, str], pipelines: Sequence[Pipeline]) -> None:
    """Check what a run of *pipelines* is *given*, but not whether something is missing.

    Raises:
        InputRefused: None of the pipelines has such an input, or one can't have such a value.
    """
    known = {name for pipeline in pipelines for name in pipeline.inputs}
    for name, value in given.items():
        if name not in known:
            raise InputRefused(f'there is no input "{name}"', hint=_allowed(known, pipelines))
        for pipeline in pipelines:
            declared = pipeline.inputs.get(name)
            if declared is not None and (problem := value_problem(declared, value)):
                raise InputRefused(f'input "{name}" of pipeline "{pipeline.id}": {problem}', hint=_described(declared))


def input_values(pipeline: Pipeline, given: Mapping[str, str], *, tolerates_missing: bool = False) -> dict[str, str]:
    """Return the value of each input of *pipeline*.

    Args:
        given: As `check_inputs` has checked it; other pipelines' inputs are left out.
        tolerates_missing: Take a required input that is not given as if it were not required.

    Raises:
        InputRefused: A required input is missing.
    """
    for name, declared in pipeline.inputs.items():
        if declared.required and name not in given and not tolerates_missing:
            raise InputRefused(
                f'pipeline "{pipeline.id}" needs the input "{name}"',
                hint=f"--input {name}=VALUE; {_described(declared)}",
            )
    return {name: given.get(name, value_without(declared)) for name, declared in pipeline.inputs.items()}


def _allowed(known: set[str], pipelines: Sequence[Pipeline]) -> str:
    names = ", ".join(pipeline.id for pipeline in pipelines)
    return f"{names} takes {', '.join(sorted(known))}" if known else f"{names} takes no inputs"


def _described(declared: Input) -> str:
    """Return what kind of value an input takes, for people."""
    about = f": {declared.description}" if declared.description else ""
    kind = f"one of {', '.join(declared.options)}" if declared.options else f"a {declared.type}"
    return f"it is {kind}{about}"
