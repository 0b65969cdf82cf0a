"""How many bytes logs, artifacts and reports take, counted now and then for the metrics: too much work for each scrape."""

from __future__ import annotations

import threading
from collections import Counter
from itertools import islice

import msgspec

from cictl_server.services.core.metrics import Metrics
from cictl_server.store.contract import Store

_CHUNK = 500
_PAUSE_SECONDS = 0.01


class UsageService(msgspec.Struct, frozen=True, kw_only=True):
    """Counts by the records. So a log counts once its execution is over, and what no record names does not count."""

    store: Store
    metrics: Metrics

    def measure(self, stopping: threading.Event) -> None:
        """Count everything, with pauses, and set the gauge; it keeps its former value if *stopping* is set meanwhile."""
        kept = Counter(logs=0, artifacts=0, reports=0)
        before: int | None = None
        while not stopping.wait(_PAUSE_SECONDS):
            numbers = self._count_jobs(kept, before)
            if len(numbers) < _CHUNK:
                for part, size in kept.items():
                    self.metrics.kept_bytes.labels(part).set(size)
                return
            before = numbers[-1]

    def _count_jobs(self, kept: Counter[str], before: int | None) -> list[int]:
        """Add what the next executions keep to *kept*, and return the numbers of these."""
        with self.store.read() as view:
            jobs = list(islice(view.jobs.newest_first(before=before), _CHUNK))
            for job in jobs:
                kept["logs"] += job.log_size
                kept["reports"] += job.report_bytes
                if artifacts := view.artifacts.find(job.number):
                    kept["artifacts"] += artifacts.bytes
        return [job.number for job in jobs]
