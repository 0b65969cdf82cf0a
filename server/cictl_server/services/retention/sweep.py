"""Finding the files that no record names, and removing them: a kill between the two leaves one without the other."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, islice

from cictl.base.clock import Clock
from cictl_server.blobs.contract import PROJECTS, Blob, Blobs, BlobsAway
from cictl_server.log_writer.blob_keys import LOGS, log_of_key
from cictl_server.services.artifacts.places import ARTIFACTS, REPORTS, artifacts_of, reports_of
from cictl_server.services.core.ids import leading_number
from cictl_server.services.projects.icons import ICONS, icon_of
from cictl_server.services.projects.worktrees import WORKTREES, run_of_worktree
from cictl_server.store.contract import Store, View
from cictl_server.store.records.artifacts import ArtifactsRecord

logger = logging.getLogger(__name__)

_KEPT_ANYWAY = timedelta(days=1)
"""A younger file may belong to an upload whose record is not written yet."""
_PAUSE = timedelta(days=1)
_AT_ONCE = 1000
_LOOKED_UP_AT_ONCE = 100
"""Files whose records are looked up in one read of the store; others wait for that long."""
_AREAS = (ARTIFACTS, REPORTS, ICONS)
_KEY = re.compile(
    rf"(?:{PROJECTS}[^/]+/)?(?P<area>{'|'.join(_AREAS)})(?:(?:job|project)-(?P<number>[0-9]{{1,20}})(?:/|$))?"
)


class Sweep:
    """A look at all blobs, once a day. What other rooms keep under keys of theirs is left alone."""

    def __init__(self, store: Store, blobs: Blobs, clock: Clock) -> None:
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._next: datetime | None = None

    def run_if_due(self, stopping: threading.Event) -> None:
        """Remove what no record names, in steps, unless *stopping* is set or the last look was less than a day ago."""
        now = self._clock()
        if self._next is not None and now < self._next:
            return
        try:
            self._run(now, stopping)
        except BlobsAway as error:
            logger.warning("sweep: put off: %s", error)
        else:
            self._next = now + _PAUSE

    def _run(self, now: datetime, stopping: threading.Event) -> None:
        self._blobs.remove_unfinished(now - _KEPT_ANYWAY)
        count = size = 0
        unnamed = self.unnamed()
        while not stopping.is_set() and (step := list(islice(unnamed, _AT_ONCE))):
            self._blobs.delete([blob.key for blob in step])
            count, size = count + len(step), size + sum(blob.size for blob in step)
        if count:
            logger.info("sweep: removed files=%d bytes=%d that no record names", count, size)

    def unnamed(self) -> Iterator[Blob]:
        """Yield each file that no record names and that is old enough."""
        before = self._clock() - _KEPT_ANYWAY
        every = chain.from_iterable(map(self._blobs.iter_below, (*_AREAS, LOGS, WORKTREES, PROJECTS)))
        old = (blob for blob in every if blob.modified < before)
        while some := list(islice(old, _LOOKED_UP_AT_ONCE)):
            with self._store.read() as view:
                unnamed = [blob for blob in some if not self._is_named(view, blob.key)]
            yield from unnamed

    def _is_named(self, view: View, key: str) -> bool:
        if log := log_of_key(key):
            return _is_named_log(view, log)
        if run_id := run_of_worktree(key):
            return bool(view.jobs.of_run(run_id))
        match = _KEY.match(key)
        if match is None:
            return True  # another room's
        area, number = match["area"], int(match["number"] or 0)
        if area == ARTIFACTS:
            record = view.artifacts.find(number)
            return record is not None and _is_kept(key, artifacts_of(self._blobs, record), record)
        if area == REPORTS:
            job = view.jobs.find(number)
            return job is not None and job.test_summary is not None and key.startswith(reports_of(self._blobs, job))
        return view.projects.find(number) is not None and key == icon_of(self._blobs, number)


def _is_named_log(view: View, name: str) -> bool:
    number = leading_number(name)
    job = None if number is None else view.jobs.find(number)
    return number is None or (job is not None and job.names_log(name))


def _is_kept(key: str, prefix: str, record: ArtifactsRecord) -> bool:
    # The name is compared with those that went, because a disk may spell the names of those that stay in another way.
    return key.startswith(prefix) and (not record.expired or key.removeprefix(prefix) not in record.expired)
