"""What schemathesis needs to know to reach more than refusals; loaded by its command through `SCHEMATHESIS_HOOKS`."""

from __future__ import annotations

from typing import Any

import schemathesis

from cictl_testing.files import zipped

_ACCEPTS = ("*/*", "application/json", "text/html")


@schemathesis.serializer("application/zip")
def _zip(_context: Any, value: Any) -> bytes:
    """Send bytes as they are, and any other value as a zip that holds it."""
    return value if isinstance(value, bytes) else zipped({"report.txt": repr(value).encode()})


@schemathesis.serializer("application/x-git-bundle")
def _bundle(_context: Any, value: Any) -> bytes:
    """Send bytes as they are, and any other value as its text: no bundle either way."""
    return value if isinstance(value, bytes) else repr(value).encode()


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Keep leases from waiting, for which a run has no time, and take turns between both forms of errors.

    Two of three requests go without `Idempotency-Key`: too many keys are equal, and a repeat reaches no resource.
    """
    body = case.body
    if (
        case.operation.path == "/api/v1/agent/lease"
        and isinstance(body, dict)
        and isinstance(body.get("wait_seconds"), int)
    ):
        body["wait_seconds"] = min(body["wait_seconds"], 0)
    turn = len(repr((case.path_parameters, case.query, case.body))) % len(_ACCEPTS)
    case.headers = {**(case.headers or {}), "Accept": _ACCEPTS[turn]}
    if turn:
        case.headers.pop("Idempotency-Key", None)
