"""A bucket that does not answer: who asks next need not wait as long."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from cictl_server.blobs.contract import BlobsAway

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 2.0


class Outage:
    """Remembers that a bucket was away. Without this, each request would hold a thread of the server until it gave up by itself, and
    soon there would be none left. Now one of them asks once, every some seconds, and all others fail at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._error: BlobsAway | None = None
        self._until = 0.0

    @property
    def is_on(self) -> bool:
        return self._error is not None

    def check(self, probe: Callable[[], None]) -> None:
        """Return unless the bucket is away.

        Args:
            probe: Asks it once, without patience, and notes what it found.

        Raises:
            BlobsAway: It is.
        """
        with self._lock:
            error, is_due = self._error, time.monotonic() >= self._until
            if error is not None and is_due:
                self._until = time.monotonic() + _PAUSE_SECONDS
        if error is not None:
            if not is_due:
                raise error
            probe()

    def begin(self, error: BlobsAway) -> None:
        """Note that the bucket was away just now. The log tells it once."""
        with self._lock:
            if self._error is None:
                logger.warning("%s", error)
            self._error, self._until = error, time.monotonic() + _PAUSE_SECONDS

    def end(self) -> None:
        """Note that the bucket has answered."""
        with self._lock:
            if self._error is not None:
                logger.warning("the files can be reached again")
            self._error = None
