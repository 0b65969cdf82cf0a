"""Removing artifacts and reports that no record names any more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

import msgspec

from cictl_server.blobs.contract import Blobs, BlobsAway
from cictl_server.services.artifacts.places import artifacts_of, reports_of
from cictl_server.store.contract import View
from cictl_server.store.records.jobs import JobRecord

logger = logging.getLogger(__name__)


class FileRemoval(msgspec.Struct, frozen=True, kw_only=True):
    blobs: Blobs

    def prefixes(self, view: View, jobs: Iterable[JobRecord]) -> list[str]:
        """Return under which prefixes executions keep files; ask before their records go."""
        found = []
        for job in jobs:
            if record := view.artifacts.find(job.number):
                found.append(artifacts_of(self.blobs, record))
            found += self.prefixes_of_reports(job)
        return found

    def prefixes_of_reports(self, job: JobRecord) -> list[str]:
        return [reports_of(self.blobs, job)] if job.test_summary is not None else []

    def remove(self, prefixes: Iterable[str]) -> None:
        """Remove all files below *prefixes*. Where they can't be reached now, the sweep removes them some day."""
        self._try(lambda: self.blobs.delete_below(prefixes))

    def remove_files(self, keys: Iterable[str]) -> None:
        """Remove single files in the same way."""
        self._try(lambda: self.blobs.delete(keys))

    def _try(self, remove: Callable[[], None]) -> None:
        try:
            remove()
        except BlobsAway as error:
            logger.warning("files not removed yet: %s", error)
