"""URLs of HTTP servers: check one, compare origins, and take user info out for showing."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

_USER_INFO = re.compile(r"(?<=://)[^/\s]*@")
_SCP_LIKE = re.compile(r"(?:[^@/]+@)?(?P<host>[^/:@]{2,}):(?!//)(?P<path>.+)")
"""The short form that git takes for ssh. A host has two letters at least: one with a colon is a drive of Windows."""
_PORTS = {"http": 80, "https": 443}


def split_http(url: str) -> SplitResult:
    """Split the URL of an HTTP server into its parts.

    Raises:
        ValueError: It has another scheme, no host, or an impossible port. The text shows no user info.
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
    """Return scheme, host and port of a URL that `split_http` accepted. Two URLs with equal origins are on one server."""
    return parts.scheme, (parts.hostname or "").casefold(), parts.port or _PORTS[parts.scheme]


def without_user_info(url: str, *, instead: str = "") -> str:
    """Return *url* with *instead* in place of its `user:password@`, even if the URL is unusable.

    `urlsplit` would not do: it refuses some URLs, and it splits a password that contains `#` or `?`.
    """
    before, user_info, after = _around_user_info(url)
    return before + (instead if user_info else "") + after


def without_login(url: str) -> str:
    """Return the URL of a repository as it may be shown: without its user info, of which the user of an ssh URL stays.

    Over HTTP a user alone may be a token. Of `ssh://git@host/x` he is a part of the address.
    """
    before, user_info, after = _around_user_info(url)
    user = user_info.removesuffix("@").partition(":")[0]
    is_address = before.casefold() not in ("http://", "https://")
    return before + (f"{user}@" if is_address and user_info else "") + after


def repository_key(url: str) -> str:
    """Return what the URLs of one repository have in common, however it is reached: its host and its path.

    `git@example.com:tea/shop.git`, `ssh://git@example.com:2222/tea/shop` and `https://example.com/tea/shop/` are one repository. Ports
    differ between ways to one forge, so they don't count. A path on this machine is itself.
    """
    address = without_user_info(url.strip()).rstrip("/").removesuffix(".git")
    if address.startswith("file://"):
        return address.removeprefix("file://")
    short = _SCP_LIKE.fullmatch(address)
    if short is not None:
        return f"{short['host'].casefold()}/{short['path'].lstrip('/')}"
    _, scheme, rest = address.rpartition("://")
    host, slash, path = rest.partition("/")
    return f"{host.partition(':')[0].casefold()}{slash}{path}" if scheme else address


def user_info_of(url: str) -> str:
    """Return the `user:password` of *url*, not decoded; empty if it has none."""
    return _around_user_info(url)[1].removesuffix("@")


def without_user_infos(text: str) -> str:
    """Return *text* without the user info of the URLs in it."""
    return _USER_INFO.sub("", text)


def _around_user_info(url: str) -> tuple[str, str, str]:
    """Return the part of *url* before its user info, the user info with its `@`, and the part after it."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    user_info, at, host = authority.rpartition("@")
    return scheme + separator, user_info + at, host + slash + path
