"""What the names in templates and conditions stand for."""

from __future__ import annotations

from collections.abc import Mapping

from cictl.base.names.git_names import branch_of, tag_of
from cictl.project_file import Job, Pipeline, render_all
from cictl.project_file.inputs import INPUT
from cictl.project_file.names import ENV, NEEDS
from cictl_server.services.history.past_runs import matrix_variables
from cictl_server.services.pipelines.planning.context import RunIdentity, SourceContext


def template_values(
    job: Job, row: int, *, inputs: Mapping[str, str], source: SourceContext, identity: RunIdentity
) -> dict[str, str]:
    """Return the values of all names in the templates of one row of *job*. The version wins over the matrix, and that over the rest."""
    own = matrix_variables(job, row)
    return {**run_values(inputs=inputs, source=source, identity=identity), **own, **_version_values(source)}


def run_values(*, inputs: Mapping[str, str], source: SourceContext, identity: RunIdentity) -> dict[str, str]:
    """Return the values of all names in the templates of a pipeline itself."""
    return {
        "branch": branch_of(source.ref_raw),
        "tag": tag_of(source.ref_raw),
        "ref": source.ref_raw,
        "sha": source.commit,
        "event": identity.event,
        "run": identity.pipeline_run_id,
        **{INPUT + name: value for name, value in inputs.items()},
        **_version_values(source),
    }


def condition_values(pipeline: Pipeline, values: Mapping[str, str]) -> dict[str, str]:
    """Return the values of all names in conditions, which know the environment of *pipeline* besides those of templates."""
    return {**{ENV + name: value for name, value in render_all(pipeline.env, values).items()}, **values}


def is_open(name: str) -> bool:
    """Tell whether a name has no value before the jobs that are needed are over."""
    return name.startswith(NEEDS)


def _version_values(source: SourceContext) -> dict[str, str]:
    """Return what is known of the version; the names exist only in runs that have one."""
    values = {
        "ciwi.version_raw": source.version_raw,
        "ciwi.version": source.version,
        "ciwi.tag_prefix": source.tag_prefix,
    }
    return {key: value for key, value in values.items() if value}
