"""Asking a server whether it is well, and which version it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cictl.base.web.probe import FAILURES, ask

PROBES = 3
"""So many answers in a row, a second apart, make a server healthy."""
PROBE_SECONDS = 1.0
_LIMIT_SECONDS = 2.0
_MAX_BYTES = 1 << 16
_OK = 200


@dataclass(frozen=True)
class HealthyServer:
    """What a server that is well says of itself; `instance_id` is another after each start."""

    version: str
    instance_id: str


Prober = Callable[[str], HealthyServer | None]
"""Given a server's address, return what it says of itself, None when it is not well."""


def probe(url: str) -> HealthyServer | None:
    """Ask `/healthz` and `/api/v1/server-info`, without any proxy."""
    try:
        if _get(f"{url}/healthz")["status"] != "ok":
            return None
        info = _get(f"{url}/api/v1/server-info")
        return HealthyServer(str(info["version"]), str(info.get("instance_id", "")))
    except (*FAILURES, KeyError, TypeError, AttributeError):
        return None


def _get(url: str) -> dict[str, Any]:
    reply = ask(url, headers={"Accept": "application/json"}, timeout=_LIMIT_SECONDS, limit=_MAX_BYTES)
    if reply.status != _OK:
        raise ValueError(f"status {reply.status}")
    found: dict[str, Any] = json.loads(reply.body)
    return found


def wait_until_healthy(
    url: str,
    version: str,
    *,
    seconds: float,
    prober: Prober,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    has_lost: Callable[[], bool] = lambda: False,
    on_other: Callable[[str], None] = lambda _: None,
) -> bool:
    """Probe until one process of *version* has answered three times in a row, and tell whether one did in time.

    The version counts because the old process may still answer for a while; the process counts because one that crashes
    again and again may answer once in between.

    Args:
        clock: Seconds, monotonic.
        has_lost: Whether waiting any longer is in vain.
        on_other: Told the version, when a server of another one answers.
    """
    deadline = clock() + seconds
    row: list[HealthyServer] = []
    while True:
        answer = prober(url)
        if answer is not None and answer.version == version:
            row = [*row, answer] if not row or row[-1] == answer else [answer]
        else:
            row = []
            if answer is not None:
                on_other(answer.version)
        if len(row) == PROBES:
            return True
        if clock() >= deadline or has_lost():
            return False
        sleep(PROBE_SECONDS)
