"""Follow several logs at once: a thread for each."""

from __future__ import annotations

import threading

from cictl.cli.logs.view import LogView


class LogTail(threading.Thread):
    """Follows one log into its view.

    Attributes:
        error: What ended it early; None when the log was written whole, or it was told to stop.
    """

    def __init__(self, view: LogView, name: str, *, stop: threading.Event) -> None:
        super().__init__(name=f"log of {name}", daemon=True)
        self._view = view
        self._told_to_stop = stop
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self._view.follow(is_stopped=self._told_to_stop.is_set)
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits for this one
            self.error = error
