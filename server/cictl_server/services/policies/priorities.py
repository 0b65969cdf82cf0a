"""What a priority may be."""

from __future__ import annotations

from cictl.base.job_parts import HIGHEST_PRIORITY, LEAST_PRIORITY
from cictl_server.errors import InvalidRequest


def checked_priority(priority: int | None) -> int:
    """Return *priority* if it is one.

    Raises:
        InvalidRequest: It is missing, or out of bounds.
    """
    if priority is None or not LEAST_PRIORITY <= priority <= HIGHEST_PRIORITY:
        raise InvalidRequest(f"priority must be {LEAST_PRIORITY} to {HIGHEST_PRIORITY}")
    return priority
