"""A pipeline without `vcs_source` has an empty directory. What its steps say may tell that they expect more."""

from __future__ import annotations

import re

from cictl.project_file.schema import JobShape, PipelineShape

# A command begins a line, or follows what ends or introduces another one.
_BEGINS = r"(?:^|[;&|({]|\b(?:then|do|else|exec|sudo|time|env)\s)\s*"
_OF_A_CHECKOUT = (
    r"git (?:add|branch|checkout|commit|describe|diff|fetch|log|merge|pull|push|rev-parse|show|status|submodule|tag)\b",
    r"(?:make|cmake|ninja|mvn|gradle|tox|pytest)(?=\s|$|[;&|])",
    r"(?:npm|yarn|pnpm) (?:ci|install|test|run|build)\b",
    r"(?:cargo|go|dotnet|swift) (?:build|generate|publish|run|test|vet)\b",
    r"pip install (?:-e )?\.(?=\s|$|\[)",
)
_PROGRAM_OF_IT = r"\./[\w./-]+"
_WANTS = re.compile(_BEGINS + rf"({'|'.join(_OF_A_CHECKOUT)})", re.MULTILINE)
_WANTS_PROGRAM = re.compile(_BEGINS + rf"({'|'.join((*_OF_A_CHECKOUT, _PROGRAM_OF_IT))})", re.MULTILINE)
_BRINGS_ITS_OWN = re.compile(_BEGINS + r"(?:git (?:clone|init)|tar|unzip|curl|wget)\b", re.MULTILINE)


def missing_checkout(pipeline: PipelineShape) -> tuple[str, str] | None:
    """Return the first command that wants a checkout, and its path below the pipeline; None if there is none or it has one.

    A pipeline that gets its files in another way wants none: it fetches them itself, or restores artifacts.
    """
    commands = [(place, text) for number, job in enumerate(pipeline.jobs) for place, text in _commands(job, number)]
    if pipeline.vcs_source is not None or any(_BRINGS_ITS_OWN.search(text) for _, text in commands):
        return None
    wants = _WANTS if pipeline.depends_on else _WANTS_PROGRAM
    return next(((place, found[1]) for place, text in commands if (found := wants.search(text))), None)


def _commands(job: JobShape, number: int) -> list[tuple[str, str]]:
    return [
        (f"jobs[{number}].steps[{index}].test.command", step.test.command)
        if step.test
        else (f"jobs[{number}].steps[{index}].run", step.run)
        for index, step in enumerate(job.steps)
    ]
