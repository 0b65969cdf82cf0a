"""What every request passes first: where it comes from, and the form of its path."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import falcon

from cictl.wire.problems import Code
from cictl_server.errors import CictlError

_SAFE_METHODS = frozenset({"GET", "HEAD"})
_LOOSE_PREFIXES = tuple(f"/api/v1/{noun}/" for noun in ("agents", "jobs", "projects", "pipelines", "pipeline-chains"))


class ForbiddenOrigin(CictlError):
    code = Code.FORBIDDEN


class Guard:
    """Refuses what a browser was tricked into sending, and OPTIONS; cuts slashes around what some paths name."""

    def __init__(self, *, is_loopback: bool) -> None:
        """Check the Host header too when only this machine should reach the server (DNS rebinding)."""
        self._is_loopback = is_loopback

    def process_request(self, req: falcon.Request, _resp: falcon.Response) -> None:
        if self._is_loopback and not is_loopback_name(req.host):
            raise ForbiddenOrigin("this server answers to localhost only", hint="use 127.0.0.1 or localhost in the URL")
        if req.method == "OPTIONS":
            raise falcon.HTTPMethodNotAllowed([])
        origin = req.get_header("Origin")
        if origin and req.method not in _SAFE_METHODS and urlsplit(origin).netloc.casefold() != req.netloc.casefold():
            raise ForbiddenOrigin("cross-origin requests may not change anything")
        prefix = next((p for p in _LOOSE_PREFIXES if req.path.startswith(p)), None)
        if prefix is not None:
            req.path = prefix + req.path.removeprefix(prefix).strip("/")
            if req.path == prefix:
                raise falcon.HTTPNotFound  # the noun and a slash name nothing


def is_loopback_name(host: str) -> bool:
    """Whether *host*, a name or an address without port, means this machine only."""
    bare = host.strip("[]").casefold()
    if bare in ("localhost", "localhost.localdomain"):
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False
