"""The last result of a pipeline, of one branch or of any.

A run that was cancelled, a dry run, and one whose jobs were all left out prove nothing: they are no results.
"""

from __future__ import annotations

from collections.abc import Callable

from cictl_server.store.contract import View
from cictl_server.store.records.runs import RunRecord
from cictl_server.store.tables import RunFilter


def newest_with_result(view: View, where: RunFilter, *, takes: Callable[[RunRecord], bool]) -> RunRecord | None:
    """Return the newest run that *where* and *takes* take and that has a result; None without one."""
    return next((run for run in view.runs.newest_first(where) if run.last_result and takes(run)), None)
