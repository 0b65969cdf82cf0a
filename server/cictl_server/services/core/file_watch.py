"""Whether the place for files answers: asked now and then, so that nobody waits for it who only wants to know."""

from __future__ import annotations

import threading

from cictl_server.blobs.contract import BlobError, Blobs

_INTERVAL_SECONDS = 15.0


class FileWatch:
    """What the last look found.

    Attributes:
        trouble: Why files can't be read; empty while they can.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self.trouble = ""

    def run(self, stopping: threading.Event) -> None:
        """Look every some seconds until *stopping* is set."""
        while not stopping.wait(_INTERVAL_SECONDS):
            self.look()

    def look(self) -> None:
        try:
            self._blobs.check()
        except (BlobError, OSError) as error:
            self.trouble = str(error)
        else:
            self.trouble = ""
