"""The names that conditions and templates of a file know besides the variables of the matrix."""

import re

from cictl.project_file.inputs import input_names
from cictl.project_file.matrix import NAME
from cictl.project_file.needs import needed_jobs
from cictl.project_file.schema import DefaultsShape, JobShape, PipelineShape
from cictl.project_file.templates import VERSION_KEYS

RUN_NAMES = ("branch", "tag", "ref", "sha", "event", "run")
"""What a run knows: of its source, of what started it, and its id."""

OWN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", re.ASCII)
"""What the author of a file may call an input or an output."""

ENV = "env."
NEEDS = "needs."
"""How the name of an output of a needed job begins: `needs.JOB.outputs.NAME`."""


def matrix_names(job: JobShape) -> set[str]:
    """Return the variables of the matrix of *job*."""
    names = {name for row in job.matrix.include for name in row} | job.matrix.axes.keys()
    return names | {NAME} if job.matrix.axes else names


def output_name(job_id: str, output: str) -> str:
    """Return the name of an output of a job that is needed."""
    return f"{NEEDS}{job_id}.outputs.{output}"


def template_names(job: JobShape, pipeline: PipelineShape) -> set[str]:
    """Return the names that templates in *job* are replaced by."""
    return {*VERSION_KEYS, *_shared_names(job, pipeline)}


def run_template_names(pipeline: PipelineShape) -> set[str]:
    """Return the names that templates of a pipeline itself are replaced by."""
    return {*VERSION_KEYS, *RUN_NAMES, *input_names(pipeline.inputs)}


def condition_names(job: JobShape, pipeline: PipelineShape, defaults: DefaultsShape) -> set[str]:
    """Return the names that a condition in *job* may use."""
    return {*_shared_names(job, pipeline), *(ENV + name for name in (*defaults.env, *pipeline.env))}


def _shared_names(job: JobShape, pipeline: PipelineShape) -> set[str]:
    """Return the names that conditions and templates both know."""
    return {*RUN_NAMES, *input_names(pipeline.inputs), *matrix_names(job), *_output_names(job, pipeline)}


def _output_names(job: JobShape, pipeline: PipelineShape) -> set[str]:
    """Return the names of the outputs of what *job* needs."""
    needs = set(needed_jobs(job.needs))
    return {output_name(other.id, name) for other in pipeline.jobs if other.id in needs for name in other.outputs}
