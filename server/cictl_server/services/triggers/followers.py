"""Starting what `on.after` asks for, when the run of another pipeline has succeeded."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import msgspec

from cictl.base.backoff import Backoff
from cictl.base.clock import Clock
from cictl.wire.audit.records import AuditAction, TargetKind
from cictl.wire.runs import RunStatus
from cictl_server.errors import CictlError, InvalidProject, InvalidRequest, StoreError
from cictl_server.services.core.deeds import deed_of_system
from cictl_server.services.core.ids import NumberSource
from cictl_server.services.pipelines.commits import note_of
from cictl_server.services.pipelines.followed import followed_runs, followers, forget_followed
from cictl_server.services.pipelines.planning import AFTER
from cictl_server.services.pipelines.run_preparation import CommitStart, Prepared, Preparer
from cictl_server.services.pipelines.runs import FailedRun, RunService
from cictl_server.services.projects.definitions import read_definition
from cictl_server.services.projects.projects import placed
from cictl_server.services.projects.remotes import FetchedCommit, Remotes
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.projects import ProjectRecord
from cictl_server.store.records.runs import RunRecord

logger = logging.getLogger(__name__)

_BACKOFF = Backoff(first=10, most=300)
_GIVEN_UP = timedelta(days=1)
"""How long after the end of a run what follows it is tried, while its repository can't be read."""


class _Trial(msgspec.Struct, frozen=True):
    """How often it failed to start what follows a run, and when it is tried again."""

    failures: int
    again: datetime


class Followers:
    """Each run is followed once: what follows it is stored in the transaction that notes that nothing more does."""

    def __init__(
        self,
        *,
        store: Store,
        remotes: Remotes,
        preparer: Preparer,
        runs: RunService,
        numbers: NumberSource,
        clock: Clock,
    ) -> None:
        self._store = store
        self._remotes = remotes
        self._preparer = preparer
        self._runs = runs
        self._numbers = numbers
        self._clock = clock
        self._trials: dict[int, _Trial] = {}

    def run_once(self) -> None:
        """Start what follows the runs that are over."""
        for number in self._store.look(followed_runs):
            trial = self._trials.get(number)
            if trial is None or trial.again <= self._clock():
                self._look_at(number)

    def _look_at(self, number: int) -> None:
        run = self._store.look(lambda view: view.runs.find(number))
        if run is not None and not run.status.is_terminal:
            return
        if run is None or run.status is not RunStatus.SUCCEEDED or not run.sha:
            self._forget(number)
            return
        try:
            self._start(run)
            self._trials.pop(number, None)
        except StoreError:
            raise
        except CictlError as error:
            self._put_off(run, error)

    def _put_off(self, run: RunRecord, error: CictlError) -> None:
        logger.warning("what follows a run can't start yet run=%d: %s", run.number, error)
        if run.finished is not None and run.finished + _GIVEN_UP < self._clock():
            self._forget(run.number)
            return
        failures = self._trials[run.number].failures + 1 if run.number in self._trials else 1
        again = self._clock() + timedelta(seconds=_BACKOFF.after(failures))
        self._trials[run.number] = _Trial(failures=failures, again=again)

    def _forget(self, number: int) -> None:
        self._trials.pop(number, None)
        self._store.write(lambda tx: forget_followed(tx, number))

    def _start(self, run: RunRecord) -> None:
        project = self._store.look(lambda view: view.projects.find(int(run.project_id)))
        if project is None:
            self._forget(run.number)
            return
        with self._remotes.fetched(project.repo_url, run.sha) as tree:
            planned, failed = self._planned(project, run, tree)
        with deed_of_system(AuditAction.RUN_STARTED, awaits=TargetKind.RUN):
            self._store.write(lambda tx: self._put(tx, run, planned, failed))

    def _planned(
        self, project: ProjectRecord, run: RunRecord, tree: FetchedCommit
    ) -> tuple[list[tuple[Prepared, list[JobRecord]]], list[FailedRun]]:
        """Return the runs that follow *run*, by the project file of its commit, and those that can't be planned."""
        try:
            pipelines = read_definition(tree, project.config_file).file.pipelines
        except InvalidProject as error:  # the run was planned by the file that was loaded, not by that of its commit
            logger.warning("nothing follows a run run=%d: %s", run.number, error)
            return [], []
        start = CommitStart(tree=tree, ref=run.ref, event=AFTER, commit=note_of(tree.tell()), pipelines=pipelines)
        planned, failed = [], []
        for pipeline in followers(pipelines, run.pipeline):
            try:
                prepared = self._preparer.at_commit(project, placed(pipeline, project), start)
                planned.append((prepared, self._runs.new_jobs(prepared)))
            except InvalidRequest as error:
                run_id = f"run-{self._numbers.next()}"
                failed.append(
                    FailedRun(run_id=run_id, project=project, start=start, error=str(error), pipeline=pipeline.id)
                )
        return planned, failed

    def _put(
        self, tx: Transaction, run: RunRecord, planned: list[tuple[Prepared, list[JobRecord]]], failed: list[FailedRun]
    ) -> None:
        if not forget_followed(tx, run.number):
            return  # another server was faster
        for prepared, jobs in planned:
            self._runs.put(tx, prepared, jobs)
        for one in failed:
            self._runs.put_failed(tx, one)
