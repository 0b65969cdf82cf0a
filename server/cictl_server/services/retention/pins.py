"""Pins: runs that are kept whatever their age."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from cictl.wire.admin.retention import RunPin
from cictl_server.errors import NotFound
from cictl_server.services.history.lookup import jobs_of_run
from cictl_server.services.history.run_book import number_of
from cictl_server.store.contract import Store, Transaction


class PinService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store

    def set(self, run: str, *, pinned: bool) -> RunPin:
        """Pin a run, or take the pin away; of a chain run's number or id, all its pipelines' runs.

        Raises:
            NotFound: No such run.
        """

        def pin(tx: Transaction) -> int:
            jobs = jobs_of_run(tx.jobs, run)
            if not jobs:
                raise NotFound("run")
            for job in jobs:
                tx.jobs.put(replace(job, pinned=pinned))
            if (record := tx.runs.find(number_of(jobs[0]))) is not None:
                all_pinned = all(job.pinned for job in tx.jobs.of_run_number(str(record.number)))
                tx.runs.put(replace(record, pinned=all_pinned))
            return len(jobs)

        return RunPin(run=run, pinned=pinned, jobs=self.store.write(pin))
