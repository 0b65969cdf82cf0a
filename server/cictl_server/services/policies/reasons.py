"""The reasons that people give for what they do, as others are shown them."""

from __future__ import annotations

from cictl_server.errors import InvalidRequest
from cictl_server.services.core.deeds import harmless

LONGEST_REASON = 200
"""Characters of a reason."""


def checked_reason(text: str) -> str:
    """Return the reason on one line, without what steers a terminal or is a secret.

    Raises:
        InvalidRequest: There is none, or it is longer than `LONGEST_REASON`.
    """
    folded = " ".join(text.split())
    if not folded:
        raise InvalidRequest("reason is required", hint="say in a few words why, for those who wonder")
    if len(folded) > LONGEST_REASON:
        raise InvalidRequest(f"reason has {len(folded)} characters; {LONGEST_REASON} are allowed", hint="shorten it")
    return harmless(folded)
