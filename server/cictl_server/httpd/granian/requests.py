"""A request as granian tells it (ASGI), turned into what an application of WSGI is told."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import unquote_to_bytes

from cictl_server.errors import TooLarge
from cictl_server.http.errors import REFUSAL
from cictl_server.httpd.incoming import Admit, Head
from cictl_server.httpd.proxies import Header, TrustedProxies

_CONSTANT = {
    "SCRIPT_NAME": "",
    "wsgi.errors": sys.stderr,
    "wsgi.input_terminated": True,
    "wsgi.multiprocess": False,
    "wsgi.multithread": True,
    "wsgi.run_once": False,
    "wsgi.version": (1, 0),
    REFUSAL: None,
}

_FORWARDED = tuple(
    f"HTTP_{name}"
    for name in (
        "X_FORWARDED_FOR",
        "X_FORWARDED_HOST",
        "X_FORWARDED_PROTO",
        "X_FORWARDED_PORT",
        "X_FORWARDED_BY",
        "FORWARDED",
    )
)
"""Headers that anybody can send. Only `TrustedProxies` reads them, and the application must not."""

_MOST_NAMES = 256
_NAMES: dict[bytes, str] = {}
"""The names of headers that were seen, as WSGI has them: most clients send the same few."""


def environ_of(scope: dict[str, Any], proxies: TrustedProxies) -> dict[str, Any]:
    """Return what the application is told of a request, without its body: `PATH_INFO`, `REMOTE_ADDR`, headers and so on."""
    peer, port = scope["client"]
    server, server_port = scope["server"]
    environ: dict[str, Any] = {
        **_CONSTANT,
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": _path(scope["raw_path"]),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": "HTTP/1.1" if scope["http_version"] == "1.1" else "HTTP/1.0",
        "SERVER_NAME": server,
        "SERVER_PORT": server_port,
        "REMOTE_ADDR": peer,
        "REMOTE_PORT": port,
        "wsgi.url_scheme": scope["scheme"],
    }
    for raw, value in scope["headers"]:
        name = _NAMES.get(raw) or _name(raw)
        text = value.decode("latin-1")
        environ[name] = f"{environ[name]}, {text}" if name in environ else text
    environ.pop("", None)
    if not environ.get("HTTP_HOST"):
        environ.pop("HTTP_HOST", None)  # granian tells an empty one where there is none
    caller = proxies.caller(peer, header_of(environ))
    if scope["scheme"] == "http" or caller.address != peer:  # else it is the own certificate that is shown
        environ["wsgi.url_scheme"] = caller.scheme
    environ["REMOTE_ADDR"] = environ["REMOTE_HOST"] = caller.address
    for name in _FORWARDED:
        environ.pop(name, None)
    return environ


def has_body(environ: dict[str, Any]) -> bool:
    return "HTTP_TRANSFER_ENCODING" in environ or environ.get("CONTENT_LENGTH", "0") != "0"


def head_of(environ: dict[str, Any]) -> Head:
    """Return a request that has a body, without it."""
    return Head(
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"),
        query=environ["QUERY_STRING"],
        length=None if "HTTP_TRANSFER_ENCODING" in environ else int(environ["CONTENT_LENGTH"]),
        header=header_of(environ),
        scheme=environ["wsgi.url_scheme"],
    )


def admitted(head: Head, admit: Admit) -> int:
    """Return how many bytes of a request's body are taken; 0 where nobody wants one.

    Raises:
        CictlError: It is refused.
    """
    most = admit(head)
    if head.length is not None and most and head.length > most:
        raise too_large(most)
    return most


def too_large(most_bytes: int) -> TooLarge:
    return TooLarge(f"the body is larger than {most_bytes} bytes")


def header_of(environ: dict[str, Any]) -> Header:
    def find(name: str) -> str | None:
        key = name.upper().replace("-", "_")
        value: str | None = environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}")
        return value

    return find


def _name(raw: bytes) -> str:
    """Return the key of a header. It is empty for one with an underscore, which would pass for another one with a dash."""
    if b"_" in raw:
        return ""
    key = raw.decode("latin-1").upper().replace("-", "_")
    name = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
    if len(_NAMES) < _MOST_NAMES:
        _NAMES[raw] = name
    return name


def _path(raw: bytes) -> str:
    whole = unquote_to_bytes(raw) if b"%" in raw else raw
    return "/" + whole.decode("latin-1").lstrip("/")
