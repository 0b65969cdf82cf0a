"""One GET request with the standard library alone.

A health check or a completion would spend most of its time on loading `requests`. So there are no retries, kept
connections, redirects or uploads here.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlunsplit

from cictl.base.urls import split_http
from cictl.base.web.exchange import Reply
from cictl.base.web.proxies import proxy_for
from cictl.base.web.trust import NO_FILES, TlsFiles

FAILURES = (OSError, HTTPException, ValueError)
"""What `ask` raises when no answer comes or the URL is unusable."""


class _Way(NamedTuple):
    """How a URL is asked: the connection, what stands in the request's first line, and headers for a proxy."""

    connection: HTTPConnection
    target: str
    headers: Mapping[str, str]


def ask(
    url: str, *, headers: Mapping[str, str], timeout: float, limit: int | None = None, tls: TlsFiles = NO_FILES
) -> Reply:
    """GET *url*, and close the connection.

    Args:
        timeout: Seconds for connecting and for each wait for bytes.
        limit: How many bytes of the body are read at most; None for all.
        tls: Whom to trust, and what to show.

    Raises:
        OSError, HTTPException: No answer came.
        ValueError: The URL is unusable.
    """
    parts = split_http(url)
    proxy = proxy_for(url)
    way = _through(split_http(proxy), parts, timeout, tls) if proxy else _direct(parts, timeout, tls)
    connection, target, more = way
    try:
        try:
            connection.request("GET", target, headers={**headers, **more, "Connection": "close"})
        except OSError as error:
            if not proxy:
                raise
            raise OSError(f"cannot connect to proxy: {error}") from error  # as urllib3 says it
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, named, answer.read(limit))
    finally:
        connection.close()


def _direct(parts: SplitResult, timeout: float, tls: TlsFiles) -> _Way:
    return _Way(_connection(parts, timeout, tls), _target(parts), {})


def _through(proxy: SplitResult, parts: SplitResult, timeout: float, tls: TlsFiles) -> _Way:
    """Return the way through *proxy*: by a tunnel for https, by asking for the whole URL otherwise."""
    login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}" if proxy.username else ""
    known = {"Proxy-Authorization": f"Basic {b64encode(login.encode()).decode()}"} if login else {}
    connection = _connection(proxy._replace(scheme=parts.scheme), timeout, tls)
    if parts.scheme == "http":
        return _Way(connection, urlunsplit(parts._replace(fragment="")), known)
    connection.set_tunnel(parts.hostname or "", parts.port, headers=known)
    return _Way(connection, _target(parts), {})


def _connection(parts: SplitResult, timeout: float, tls: TlsFiles) -> HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "http":
        return HTTPConnection(host, parts.port, timeout=timeout)
    import ssl

    from cictl.base.web.trust import authorities

    trusted = ssl.create_default_context(cafile=tls.ca_file or authorities())
    if tls.client_cert:
        trusted.load_cert_chain(tls.client_cert, tls.client_key or None)
    return HTTPSConnection(host, parts.port, timeout=timeout, context=trusted)


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
