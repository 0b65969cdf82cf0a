"""One GET request with the standard library alone.

A health check or a completion would spend most of its time on loading `requests`. So there are no retries, kept
connections, redirects, proxies or uploads here.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import SplitResult

from cictl.base.urls import split_http

FAILURES = (OSError, HTTPException, ValueError)
"""What `ask` raises when no answer comes or the URL is unusable."""


class Reply(NamedTuple):
    """An answer, whatever its status. The names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(url: str, *, headers: Mapping[str, str], timeout: float, limit: int | None = None) -> Reply:
    """GET *url*, and close the connection.

    Args:
        timeout: Seconds for connecting and for each wait for bytes.
        limit: How many bytes of the body are read at most; None for all.

    Raises:
        OSError, HTTPException: No answer came.
        ValueError: The URL is unusable.
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

    from cictl.base.web.trust import authorities

    trusted = ssl.create_default_context(cafile=authorities())
    return HTTPSConnection(host, parts.port, timeout=timeout, context=trusted)


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
