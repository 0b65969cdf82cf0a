"""The HTTP side of one Vault.

There are two kinds of requests, so no Vault library is needed. hvac would not do: it drops the status and the body of a
refusal, and the contract's texts contain both.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator

import requests

from cictl.base.web.causes import innermost
from cictl.base.web.cutoff import Cutoff
from cictl.base.web.session import Session
from cictl_server.services.secrets.vault.errors import VaultProblem, VaultRefused, VaultUnavailable
from cictl_server.store.records.secrets import VaultConnectionRecord

CALL_SECONDS = 15.0
"""The longest that one call may wait for bytes."""

ANSWER_LIMIT = 256 << 10
"""How many bytes of an answer are read."""

_SHOWN = 500
"""How many characters of a network error are shown."""


class Transport:
    """The calls of one reader to one Vault, over one TCP connection if the Vault keeps it open."""

    def __init__(self, connection: VaultConnectionRecord, *, ends_at: float) -> None:
        """Send nothing yet.

        Args:
            ends_at: When to give up, by `time.monotonic`, however the bytes of an answer trickle.
        """
        self._connection = connection
        self._ends_at = ends_at
        self._cutoff = Cutoff(ends_at - time.monotonic())
        self._session = Session(asks_outside=True, ca_file=connection.ca_file, cutoff=self._cutoff)

    def close(self) -> None:
        self._cutoff.close()
        self._session.close()

    def call(self, method: str, path: str, *, token: str = "", json: object = None) -> tuple[int, bytes]:
        """Send a request, and return the status and the beginning of the body.

        Raises:
            VaultProblem: There is no answer.
        """
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise VaultUnavailable("send vault request: the time for this is over")
        headers = {"X-Vault-Request": "true", "X-Vault-Namespace": self._connection.namespace, "X-Vault-Token": token}
        try:
            with self._session.request(
                method,
                self._connection.url.rstrip("/") + path,
                headers={name: value for name, value in headers.items() if value},
                json=json,
                timeout=min(left, CALL_SECONDS),
                allow_redirects=False,  # a redirect would send the token or secret id to another host
                stream=True,
            ) as response:
                status, body = response.status_code, _body(response)
        except (requests.RequestException, OSError, ValueError) as error:
            raise _late() if self._cutoff.has_come else _transport_problem(error) from error
        if self._cutoff.has_come:
            raise _late()
        if status == requests.codes.ok and len(body) >= ANSWER_LIMIT:
            raise VaultRefused(f"decode vault response: it has more than the {ANSWER_LIMIT >> 10} KiB that are read")
        return status, body


def _body(response: requests.Response) -> bytes:
    chunks: Iterator[bytes] = response.iter_content(1 << 16)
    body = b""
    for chunk in chunks:
        body += chunk
        if len(body) >= ANSWER_LIMIT:
            break
    return body[:ANSWER_LIMIT]


def _transport_problem(error: Exception) -> VaultProblem:
    """Return `VaultUnavailable` for what may pass, else `VaultRefused`: wrong addresses, CA files, certificates."""
    reason = innermost(error)
    if isinstance(error, requests.Timeout):
        return _late()
    if isinstance(reason, ssl.SSLCertVerificationError):
        return VaultRefused(f"send vault request: {reason.verify_message or reason}")
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return VaultUnavailable(f"send vault request: {_said(reason)}")
    return VaultRefused(f"create vault request: {_said(error)}")


def _late() -> VaultUnavailable:
    return VaultUnavailable("send vault request: no answer in time")


def _said(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)[:_SHOWN]
