"""What a server offers to responders that send files: not every one does."""

from __future__ import annotations

from typing import Protocol

from cictl.base.zips.composed import Extent

SENDING = "cictl.sending"
"""Where a request finds its `FileSender`, if its server has any."""


class FileSender(Protocol):
    """Sends parts of the answer to one request that lie in files, in place of blocks of bytes."""

    def send(self, extent: Extent) -> None:
        """Send all of *extent*. The answer must have a Content-Length.

        Raises:
            OSError: The file ended before.
        """
