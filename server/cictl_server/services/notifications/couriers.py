"""The threads that bring notifications, one for each target that is being asked, so that a slow one delays no other."""

from __future__ import annotations

import logging
import threading
import time

from cictl_server.errors import StoreError
from cictl_server.services.notifications.delivery import DeliveryService
from cictl_server.store.records.notifications import NotificationRecord

MOST = 16
"""How many targets are asked at once."""

INTERVAL_SECONDS = 1.0
"""How often it is looked for what is due."""

logger = logging.getLogger(__name__)


class Couriers:
    def __init__(self, delivery: DeliveryService) -> None:
        self._delivery = delivery
        self._lock = threading.Lock()
        self._busy: dict[str, threading.Thread] = {}
        """The threads by the queues that they work on."""

    def start_due(self) -> None:
        """Begin to bring what is due, and return at once."""
        for record in self._delivery.due():
            with self._lock:
                if record.queue in self._busy or len(self._busy) >= MOST:
                    continue
                thread = threading.Thread(target=self._bring, args=(record,), name="courier", daemon=True)
                self._busy[record.queue] = thread
                thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait for those that are under way, at most *seconds*, and tell whether none is any more."""
        ends = time.monotonic() + seconds
        with self._lock:
            threads = list(self._busy.values())
        for thread in threads:
            thread.join(max(0.0, ends - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _bring(self, record: NotificationRecord) -> None:
        try:
            self._delivery.attempt(record.id)
        except StoreError as error:  # its claim runs out, and then it is tried again
            logger.warning("notification %s could not be noted: %s", record.id, error)
        finally:
            with self._lock:
                del self._busy[record.queue]
