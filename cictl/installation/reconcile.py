"""What a starting program does about an update that was interrupted."""

from __future__ import annotations

from cictl.installation.layout import Layout
from cictl.installation.manifest import Result

Outcome = Result
"""What an interrupted update came to; written to `result.json` too."""


def begin(layout: Layout, tag: str) -> Outcome | None:
    """Tell the updater which process serves. A program calls this before anything else that could fail.

    Returns:
        None, go on; or an outcome when this version was started in vain more than three times and the one before is
        current again: the program has to end, so that its service manager starts that one.
    """
    return None


def reconcile(layout: Layout, version: str) -> Outcome | None:
    """Settle an update that nobody works on any more. A program calls this once it is healthy.

    A server calls it when it answers, an agent when its first heartbeat was accepted.

    Args:
        version: Tag of the running version.

    Returns:
        What the update came to, None when there was nothing to settle.
    """
    return None
