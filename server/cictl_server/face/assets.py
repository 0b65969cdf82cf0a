"""The files that pages load: style, script and icons. Their address has the hash of their content, so browsers keep them for good."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib import resources

import falcon
import msgspec

from cictl_server.services import Services

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


class Asset(msgspec.Struct, frozen=True):
    """One file, as it is and compressed."""

    content_type: str
    plain: bytes
    packed: bytes


@cache
def assets() -> dict[str, Asset]:
    """Return all files by name."""
    folder = resources.files("cictl_server.face").joinpath("static")
    found = {file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in _TYPES}
    return {
        name: Asset(_TYPES[name.rpartition(".")[2]], data, gzip.compress(data, mtime=0))
        for name, data in sorted(found.items())
    }


@cache
def assets_version() -> str:
    """Return the hash of all files together, which is a part of their address: they refer to each other."""
    digest = hashlib.sha256()
    for name, asset in assets().items():
        digest.update(name.encode() + b"\0" + asset.plain + b"\0")
    return digest.hexdigest()[:12]


class StaticResource:
    """`/static/{version}/{name}`"""

    def __init__(self, _services: Services) -> None:
        pass

    def on_get(self, req: falcon.Request, resp: falcon.Response, version: str, name: str) -> None:
        """Send a file. That of another version is sent as well, but not kept: an older page may ask for it."""
        asset = assets().get(name)
        if asset is None:
            raise falcon.HTTPNotFound
        is_current = version == assets_version()
        kept = "public, max-age=31536000, immutable" if is_current else "no-cache"
        resp.set_headers({"Cache-Control": kept, "X-Content-Type-Options": "nosniff", "Vary": "Accept-Encoding"})
        resp.content_type = asset.content_type
        resp.data = asset.plain
        if takes_gzip(req):
            resp.data = asset.packed
            resp.set_header("Content-Encoding", "gzip")


def takes_gzip(req: falcon.Request) -> bool:
    """Tell whether the client takes gzip (RFC 9110, 12.5.3); one that refuses it with `q=0` does not."""
    for coding in (req.get_header("Accept-Encoding") or "").casefold().split(","):
        name, _, weight = coding.strip().partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
