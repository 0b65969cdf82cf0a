"""The names that conditions and templates of a file know besides the variables of the matrix."""

from cictl.project_file.inputs import input_names
from cictl.project_file.matrix import NAME
from cictl.project_file.schema import DefaultsShape, JobShape, PipelineShape
from cictl.project_file.templates import VERSION_KEYS

RUN_NAMES = ("branch", "tag", "ref", "sha", "event", "run")
"""What a run knows: of its source, of what started it, and its id."""

ENV = "env."


def matrix_names(job: JobShape) -> set[str]:
    """Return the variables of the matrix of *job*."""
    names = {name for row in job.matrix.include for name in row} | job.matrix.axes.keys()
    return names | {NAME} if job.matrix.axes else names


def template_names(job: JobShape, pipeline: PipelineShape) -> set[str]:
    """Return the names that templates in *job* are replaced by."""
    return {*RUN_NAMES, *VERSION_KEYS, *input_names(pipeline.inputs), *matrix_names(job)}


def condition_names(job: JobShape, pipeline: PipelineShape, defaults: DefaultsShape) -> set[str]:
    """Return the names that a condition in *job* may use."""
    return {
        *RUN_NAMES,
        *input_names(pipeline.inputs),
        *matrix_names(job),
        *(ENV + name for name in (*defaults.env, *pipeline.env)),
    }
