"""Lists of runs, and single ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice, takewhile

import msgspec

from cictl.wire.runs import Run, RunList, RunStatus
from cictl_server.errors import InvalidRequest
from cictl_server.services.core.names import find_scope
from cictl_server.services.history.run_book import get_run
from cictl_server.services.policies import Policies
from cictl_server.services.runs.views import run_view, whole_view
from cictl_server.store.contract import Store, View
from cictl_server.store.records.runs import RunRecord
from cictl_server.store.tables import RunFilter

_FINISHED = frozenset(status for status in RunStatus if status.is_terminal)
_STATUSES = {
    "active": frozenset(RunStatus) - _FINISHED,
    "finished": _FINISHED,
    **{status.value: frozenset({status}) for status in RunStatus},
}

Sees = Callable[[RunRecord], bool]
"""Tells whether a run is shown."""


class RunQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs to list; an empty field takes all.

    Attributes:
        statuses: Any of `RunStatus`, `active` and `finished`.
        project: Name or id of a project.
        pipeline: Id of a pipeline or a chain in the file of the project.
        branch: Name of the branch that was built.
        since: Leave out what began earlier.
        cursor: The `next_cursor` of an earlier list: go on below it.
    """

    statuses: tuple[str, ...] = ()
    project: str = ""
    pipeline: str = ""
    branch: str = ""
    since: datetime | None = None
    cursor: str = ""


class RunListService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    policies: Policies

    def list_runs(self, query: RunQuery, *, limit: int, sees: Sees = lambda _: True) -> RunList:
        """Return runs, newest first, at most *limit*; their jobs are left out.

        Raises:
            InvalidRequest: An unknown status, a pipeline without its project, or a cursor that no list gave.
            Conflict: Several projects bear the name.
        """
        with self.store.read() as view:
            found = (run for run in _matching(view, query) if sees(run))
            runs = list(islice(found, limit))
            has_more = next(found, None) is not None
        return RunList(runs=list(map(run_view, runs)), next_cursor=str(runs[-1].number) if has_more else "")

    def get_run(self, text: str) -> Run:
        """Return the run with the number or id *text*, with its jobs.

        Raises:
            NotFound: No such run.
        """
        with self.store.read() as view:
            return whole_view(view, get_run(view, text), self.policies)


def _matching(view: View, query: RunQuery) -> Iterator[RunRecord]:
    project, project_id = find_scope(view, project=query.project, pipeline=query.pipeline)
    where = RunFilter(project=project, pipeline=query.pipeline, branch=query.branch, statuses=_statuses(query.statuses))
    runs = view.runs.newest_first(where, before=_number(query.cursor))
    if project_id:
        runs = (run for run in runs if run.project_id in ("", project_id))
    if query.since is None:
        return runs
    since = query.since
    return takewhile(lambda run: run.created >= since, runs)


def _statuses(words: tuple[str, ...]) -> frozenset[RunStatus]:
    for word in words:
        if word not in _STATUSES:
            raise InvalidRequest(f'status "{word}" is unknown', hint="one of: " + ", ".join(_STATUSES))
    return frozenset[RunStatus]().union(*map(_STATUSES.__getitem__, words))


def _number(cursor: str) -> int | None:
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise InvalidRequest("invalid cursor", hint="use the next_cursor of the list before")
    return int(cursor)
