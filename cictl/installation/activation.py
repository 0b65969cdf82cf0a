"""The switch to a staged version, with a way back."""

from __future__ import annotations

from cictl.installation.layout import Layout
from cictl.installation.manifest import Pending, Result


def apply_staged_update(layout: Layout) -> Result | None:
    """Carry out the request that waits, or go on with an interrupted one; None when there is none."""
    return None


def start_helper(layout: Layout, pending: Pending) -> int:
    """Start the updater as a process of its own, where no service manager does, and return its id.

    `manifest.request` comes first, with `pid` and `argv`; the caller then ends its process within 45 seconds.
    """
    return pending.pid
