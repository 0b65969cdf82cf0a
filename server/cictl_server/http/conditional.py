"""Conditional requests: the client may have the content already."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import falcon


def is_unmodified(req: falcon.Request, modified: datetime) -> bool:
    """Tell whether nothing has changed since `If-Modified-Since` (RFC 9110, 13.1.3); `If-None-Match` makes that void."""
    if req.get_header("If-None-Match") is not None:
        return False
    try:
        since = parsedate_to_datetime(req.get_header("If-Modified-Since") or "")
    except (ValueError, OverflowError):  # the second for numbers that no date has
        return False
    return modified.replace(microsecond=0) <= (since if since.tzinfo else since.replace(tzinfo=UTC))


def is_known(req: falcon.Request, etag: str, *, is_strict: bool = False) -> bool:
    """Tell whether `If-None-Match` names *etag* (RFC 9110, 13.1.2).

    As in the RFC, a weak tag matches the strong one: `W/"a"` names `"a"`. Proxies that compress make tags weak.

    Args:
        is_strict: A weak tag does not match, as the contract has it for icons.
    """
    given = [tag.strip() for tag in (req.get_header("If-None-Match") or "").split(",")]
    if "*" in given or is_strict:
        return "*" in given or etag in given
    return etag.removeprefix("W/") in [tag.removeprefix("W/") for tag in given]
