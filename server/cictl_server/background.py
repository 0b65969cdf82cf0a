"""What a server does by itself, beside answering."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from cictl_server.errors import StoreAway

logger = logging.getLogger(__name__)


class Background:
    """Threads, each of which does its work again and again until the server stops."""

    def __init__(self, stopping: threading.Event) -> None:
        """Go on until *stopping* is set."""
        self._stopping = stopping
        self._awaited: list[threading.Thread] = []

    def repeat(
        self, name: str, work: Callable[[], None], *, first: float, pause: float, is_awaited: bool = True
    ) -> None:
        """Do *work* in a thread, in *first* seconds and then with pauses of *pause* seconds.

        Work that fails is logged under *name*, and done again at its time.

        Args:
            is_awaited: Whether `join` waits for work that is under way; else that ends with the process.
        """
        thread = threading.Thread(
            target=self._run,
            args=(name, work),
            kwargs={"first": first, "pause": pause},
            name=name,
            daemon=not is_awaited,
        )
        if is_awaited:
            self._awaited.append(thread)
        thread.start()

    def join(self) -> None:
        """Wait for the end of what is awaited, once the server stops."""
        for thread in self._awaited:
            thread.join()

    def _run(self, name: str, work: Callable[[], None], *, first: float, pause: float) -> None:
        seconds = first
        while not self._stopping.wait(seconds):
            seconds = pause
            try:
                work()
            except StoreAway:
                continue  # the log has it once, not at each pass
            except Exception:  # the next pass tries again; dying silently would be worse
                logger.exception("%s failed", name)
