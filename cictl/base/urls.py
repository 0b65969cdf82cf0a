"""Addresses of HTTP servers: whether one can be used, whose it is, and how it is shown."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

_USER_INFO = re.compile(r"(?<=://)[^/\s]*@")
_PORTS = {"http": 80, "https": 443}


def split_http(url: str) -> SplitResult:
    """Take the address of an HTTP server apart.

    Raises:
        ValueError: It has another scheme, no host, or a port that none can have. The text shows no user info.
    """
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ValueError(f"not an http or https URL: {without_user_info(url)!r}")
    return parts


def origin(parts: SplitResult) -> tuple[str, str, int]:
    """Return scheme, host and port of an address that `split_http` took: who has the same ones is the same server."""
    return parts.scheme, (parts.hostname or "").casefold(), parts.port or _PORTS[parts.scheme]


def without_user_info(url: str, *, instead: str = "") -> str:
    """Return *url* with *instead* in place of its `user:password@`; an unusable URL hides it too.

    This is no work for `urlsplit`: it refuses some URLs, and it takes a password with `#` or `?` for something else.
    """
    before, user_info, after = _around_user_info(url)
    return before + (instead if user_info else "") + after


def user_info_of(url: str) -> str:
    """Return the `user:password` of *url* as it stands there; empty where it has none."""
    return _around_user_info(url)[1].removesuffix("@")


def without_user_infos(text: str) -> str:
    """Return *text* with no user info in the URLs that it mentions."""
    return _USER_INFO.sub("", text)


def _around_user_info(url: str) -> tuple[str, str, str]:
    """Return what is before the user info, it itself with its `@`, and what is after it."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    user_info, at, host = authority.rpartition("@")
    return scheme + separator, user_info + at, host + slash + path
