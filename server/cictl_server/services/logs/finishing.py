"""Bringing the logs of executions that are over to where finished logs are kept, if that is elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from cictl_server.blobs.contract import BlobsAway
from cictl_server.log_writer.contract import LogWriter
from cictl_server.services.core.ids import leading_number
from cictl_server.store.contract import Store

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 5.0

_AT_ONCE = 8
"""So many logs are brought away side by side: each waits for the network most of its time."""


class LogFinisher(msgspec.Struct, frozen=True, kw_only=True):
    """Looks for logs that nobody writes any more. One server does so for all; what it did not end, the next pass or server does."""

    store: Store
    writer: LogWriter

    def run(self, is_stopping: Callable[[], bool] = lambda: False) -> None:
        """Make one pass over all logs that are not finished.

        Raises:
            StoreAway: The database does not answer.
        """
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="finish log") as pool:
            for done in [pool.submit(self._settle, name, is_stopping) for name in self.writer.unfinished()]:
                done.result()

    def _settle(self, name: str, is_stopping: Callable[[], bool]) -> None:
        """Finish or remove a log, unless its execution may still write into it."""
        number = leading_number(name)
        if is_stopping() or number is None:
            return
        job = self.store.look(lambda view: view.jobs.find(number))
        try:
            if job is None or not job.names_log(name):
                self.writer.delete(name)  # a kill came between the commit that gave it up and its removal
            elif job.status.is_terminal:
                self.writer.finish(name, size=job.log_size, project=job.project_key)
        except BlobsAway as error:
            logger.warning("log not brought away yet log=%s: %s", name, error)
