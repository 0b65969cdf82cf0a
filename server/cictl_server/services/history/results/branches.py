"""The last result of a pipeline, of one branch or of any.

A run that was cancelled, a dry run, and one whose jobs were all left out prove nothing: they are no results.
"""

from __future__ import annotations

from cictl_server.store.contract import RunFilter, View
from cictl_server.store.run_records import RunRecord


def newest_with_result(view: View, where: RunFilter, *, project_id: str, but: int = 0) -> RunRecord | None:
    """Return the newest run that *where* takes and that has a result; None without one.

    Args:
        project_id: Of the project that the runs are of, since others may have its name.
        but: The number of a run that is left out.
    """
    runs = view.runs.newest_first(where)
    return next((r for r in runs if r.number != but and r.project_id == project_id and r.last_result), None)
