"""Outputs of jobs that a selection leaves out: nothing would ever fill their places."""

from __future__ import annotations

from collections.abc import Collection

from cictl.expressions import names, parse
from cictl.project_file import Job, Pipeline, render_all
from cictl.project_file.names import output_name
from cictl_server.errors import InvalidRequest


def refuse_lost_outputs(pipeline: Pipeline, chosen: Collection[str]) -> None:
    """Return if no job uses an output of a need that is left out.

    Args:
        chosen: The ids of the jobs that are to run.

    Raises:
        InvalidRequest: One does. The text names both jobs and the output.
    """
    jobs = {job.id: job for job in pipeline.jobs}
    for job in (jobs[id_] for id_ in chosen):
        for need in (need for need in job.needs if need not in chosen):
            for name in (output_name(need, output) for output in jobs[need].outputs):
                if _uses(job, name):
                    raise InvalidRequest(
                        f'job "{job.id}" uses {name}, and the selection leaves out "{need}"; run it with what it needs'
                    )


def _uses(job: Job, name: str) -> bool:
    conditions = (text for text in (job.condition, *(step.condition for step in job.steps)) if text)
    in_condition = any(found.name == name for text in conditions for found in names(parse(text)))
    return in_condition or render_all(job, {name: ""}) != job
