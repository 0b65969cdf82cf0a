"""Removing old runs that could not be planned. They have no executions, by which retention finds the other runs."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import islice

import msgspec

from cictl.base.clock import Clock
from cictl.wire.runs import RunStatus
from cictl_server.services.retention.policies import PolicyService
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.runs import RunRecord
from cictl_server.store.tables import RunFilter

_CHUNK = 100
"""Runs that are looked at in one read of the store; others wait for that long."""
_FAILED = RunFilter(statuses=frozenset({RunStatus.FAILED}))


class UnplannedRuns(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    policies: PolicyService
    clock: Clock

    def forget_old(self, stopping: threading.Event) -> int:
        """Remove those beyond the limits of their projects, unless *stopping* is set, and return how many went."""
        with self.store.read() as view:
            policies = self.policies.current(view)
        places, now, gone = Counter[tuple[str, str]](), self.clock(), 0
        for run in self._unplanned():
            if stopping.is_set():
                break
            policy, place = policies(run.project_id), (run.project_id, run.pipeline)
            is_old = bool(policy.keep_days) and now - run.created > timedelta(days=policy.keep_days)
            if is_old or (policy.keep_runs and places[place] >= policy.keep_runs):
                self.store.write(partial(_remove, number=run.number))
                gone += 1
            places[place] += 1
        return gone

    def _unplanned(self) -> Iterator[RunRecord]:
        """Yield them, the newest first. Between two of them, the store may change."""
        before: int | None = None
        while True:
            with self.store.read() as view:
                chunk = list(islice(view.runs.newest_first(_FAILED, before=before), _CHUNK))
            yield from (run for run in chunk if run.error and not run.pinned)
            if len(chunk) < _CHUNK:
                return
            before = chunk[-1].number


def _remove(tx: Transaction, *, number: int) -> None:
    tx.runs.delete(number)
