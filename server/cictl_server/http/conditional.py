"""Requests for what the client may have already."""

from __future__ import annotations

import falcon


def is_known(req: falcon.Request, etag: str, *, is_strict: bool = False) -> bool:
    """Whether `If-None-Match` names *etag* (RFC 9110, 13.1.2).

    By the RFC a weak tag is as good as a strong one.

    Args:
        is_strict: A weak tag is another one, as the contract has it for icons.
    """
    given = [tag.strip() for tag in (req.get_header("If-None-Match") or "").split(",")]
    if "*" in given or is_strict:
        return "*" in given or etag in given
    return etag.removeprefix("W/") in [tag.removeprefix("W/") for tag in given]
