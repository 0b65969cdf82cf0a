"""Whether the place for files answers: asked now and then, so that nobody waits for it who only wants to know."""

from __future__ import annotations

from cictl_server.blobs.contract import BlobError, Blobs

INTERVAL_SECONDS = 15.0
"""How often somebody has to `look`."""


class FileWatch:
    """What the last look found.

    Attributes:
        trouble: Why files can't be read; empty while they can.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self.trouble = ""

    def look(self) -> None:
        """Ask the place for files whether it answers."""
        try:
            self._blobs.check()
        except (BlobError, OSError) as error:
            self.trouble = str(error)
        else:
            self.trouble = ""
