"""Conditional requests: the client may have the content already."""

from __future__ import annotations

import falcon


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
