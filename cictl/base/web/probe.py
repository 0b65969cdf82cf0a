"""One question to a server that is probably near, with the standard library alone.

Loading `requests` takes longer than all else that a health check or a completion does. What only long work needs is left
out: retries, kept connections, redirects, proxies, uploads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import SplitResult

from cictl.base.urls import split_http
from cictl.base.web.trust import authorities

FAILURES = (OSError, HTTPException, ValueError)
"""What `ask` raises where there is no answer, or no such address."""


@dataclass(frozen=True)
class Reply:
    """What came; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(url: str, *, headers: Mapping[str, str], timeout: float, limit: int | None = None) -> Reply:
    """GET *url*, and close the connection.

    Args:
        timeout: Seconds for connecting and for each wait for bytes.
        limit: Bytes that are read of the answer at most; None for all.

    Raises:
        OSError, HTTPException, ValueError: No answer came.
    """
    parts = split_http(url)
    connection = _connection(parts, timeout)
    try:
        connection.request("GET", _target(parts), headers={**headers, "Connection": "close"})
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, named, answer.read(limit))
    finally:
        connection.close()


def _connection(parts: SplitResult, timeout: float) -> HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "http":
        return HTTPConnection(host, parts.port, timeout=timeout)
    import ssl

    trusted = ssl.create_default_context(cafile=authorities())
    return HTTPSConnection(host, parts.port, timeout=timeout, context=trusted)


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
