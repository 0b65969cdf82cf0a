"""The HTTP side of one Vault, through hvac's adapter.

hvac's methods for AppRole and KV are not used: they keep of a refusal neither the status nor the body, and both belong
to the contract's texts.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from typing import Any

import requests
from hvac.adapters import RawAdapter

from cictl_server.services.secrets.vault.errors import VaultProblem, VaultRefused, VaultUnavailable
from cictl_server.store.records import VaultConnectionRecord

CALL_SECONDS = 15.0
"""The longest that one call may wait for bytes."""

ANSWER_LIMIT = 256 << 10
"""Bytes of an answer that are read."""

_SHOWN = 500
"""Characters of an error of the network that are shown."""


class Transport:
    """The calls of one reader to one Vault, over one TCP connection where the Vault keeps it open."""

    def __init__(self, connection: VaultConnectionRecord, *, ends_at: float) -> None:
        """Send nothing yet.

        Args:
            ends_at: When to give up, by `time.monotonic`.
        """
        self._connection = connection
        self._ends_at = ends_at
        self._session = _session(connection)

    def close(self) -> None:
        self._session.close()

    def call(self, method: str, path: str, *, token: str = "", **options: Any) -> tuple[int, bytes]:
        """Send a request, and return the status and the beginning of the body.

        Raises:
            VaultProblem: There is no answer.
        """
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise VaultUnavailable("send vault request: the time for this is over")
        adapter = RawAdapter(
            base_uri=self._connection.url,
            token=token,
            namespace=self._connection.namespace,
            session=self._session,
            timeout=min(left, CALL_SECONDS),
            allow_redirects=False,  # neither token nor secret id may follow one
            ignore_exceptions=True,
        )
        try:
            with getattr(adapter, method)(path, stream=True, **options) as response:
                status, body = response.status_code, _body(response)
        except (requests.RequestException, OSError, ValueError) as error:
            raise _transport_problem(error) from error
        if status == requests.codes.ok and len(body) >= ANSWER_LIMIT:
            raise VaultRefused(f"decode vault response: it has more than the {ANSWER_LIMIT >> 10} KiB that are read")
        return status, body


def _session(connection: VaultConnectionRecord) -> requests.Session:
    session = requests.Session()
    session.verify = connection.ca_file or True
    session.auth = _unchanged
    return session


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Authenticate by nothing; without this, requests would look for the host in the user's .netrc."""
    return request


def _body(response: requests.Response) -> bytes:
    chunks: Iterator[bytes] = response.iter_content(1 << 16)
    body = b""
    for chunk in chunks:
        body += chunk
        if len(body) >= ANSWER_LIMIT:
            break
    return body[:ANSWER_LIMIT]


def _transport_problem(error: Exception) -> VaultProblem:
    """Tell apart what may pass from settings that can't work: addresses, CA files, certificates."""
    reason = _innermost(error)
    if isinstance(error, requests.Timeout):
        return VaultUnavailable("send vault request: no answer in time")
    if isinstance(reason, ssl.SSLCertVerificationError):
        return VaultRefused(f"send vault request: {reason.verify_message or reason}")
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return VaultUnavailable(f"send vault request: {_said(reason)}")
    return VaultRefused(f"create vault request: {_said(error)}")


def _innermost(error: BaseException) -> BaseException:
    """Return the cause that an error of requests or urllib3 wraps, however deep."""
    inner = next((arg for arg in error.args if isinstance(arg, BaseException)), None)
    found = getattr(error, "reason", None) if inner is None else inner
    if isinstance(found, BaseException):
        return _innermost(found)
    return error.__cause__ if isinstance(error.__cause__, OSError) else error


def _said(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)[:_SHOWN]
