"""The last result of a branch.

A run that was cancelled, a dry run, and one whose jobs were all left out say nothing of a branch: they are no results.
"""

from __future__ import annotations

from cictl_server.store.contract import RunFilter, View
from cictl_server.store.run_records import RunRecord


def newest_result(view: View, run: RunRecord) -> RunRecord | None:
    """Return the newest other run of the same pipeline and branch that has a result."""
    where = RunFilter(project=run.project, pipeline=run.pipeline, branch=run.branch)
    return next(
        (
            other
            for other in view.runs.newest_first(where)
            if other.number != run.number and other.project_id == run.project_id and other.last_result
        ),
        None,
    )
