"""How the submodules of a checkout are reached: on the checkout's own host with the checkout's own credentials."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

PROTOCOLS = "https:http:ssh"
"""What a `.gitmodules` may use. It comes from the repository, and paths and `ext` would reach into this machine."""

_SHORT_SSH = re.compile(r"((?:[^/@:]+@)?)([^/@:]{2,}):(?!//)")


def rewrites(repo: str) -> list[tuple[str, str]]:
    """Return git's settings by which URLs of the host of *repo* begin as *repo* does, with its user, password and port.

    The URLs are `https://HOST/…`, `ssh://git@HOST/…` and `git@HOST:…`; nothing is led from TLS or ssh to plain http. A relative
    URL needs no setting: git makes it from that of the checkout.
    """
    if short := _SHORT_SSH.match(repo) if "://" not in repo else None:
        base, names = short[0], (f"https://{short[2]}/", *_ssh(short[2]))
    else:
        base, names = _of_url(repo)
    return [(f"url.{base}.insteadOf", name) for name in names if name != base]


def _of_url(repo: str) -> tuple[str, tuple[str, ...]]:
    """Return how URLs of the host begin when spelled as *repo* is, and how else they may begin; none for other schemes."""
    try:
        parts = urlsplit(repo)
        host = parts.hostname or ""
    except ValueError:
        return "", ()
    place = parts.netloc.rpartition("@")[2]
    names = {
        "https": (f"https://{place}/", *_ssh(host)),
        "http": (f"http://{place}/",),
        "ssh": (f"https://{host}/", *_ssh(host)),
    }
    return f"{parts.scheme}://{parts.netloc}/", names.get(parts.scheme, ()) if host else ()


def _ssh(host: str) -> tuple[str, ...]:
    return f"ssh://git@{host}/", f"ssh://{host}/", f"git@{host}:"
