"""Ask a server whether it is healthy, and which version it is.

A server that wants tokens tells no stranger its version. So each start writes down what serves in `DATA/updates/serving.json`, which its
own account can read, and a process that answers is known by the instance id in its header.

`python -m cictl.installation.health URL DATA/updates` writes the version of a healthy server, for installers.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from cictl.base.system.files import read_json, write_json
from cictl.base.web.probe import FAILURES, ask

PROBES = 3
"""How many good answers in a row, a second apart, make a server healthy."""
PROBE_SECONDS = 1.0
_LIMIT_SECONDS = 2.0
_MAX_BYTES = 1 << 16
_OK = 200
_INSTANCE = "cictl-server"
_SERVING = "serving.json"


class HealthyServer(msgspec.Struct, frozen=True):
    """What a healthy server says about itself. `instance_id` changes at each start."""

    version: str
    instance_id: str


Prober = Callable[[str], HealthyServer | None]
"""Takes a server's URL, and returns what it says about itself, or None if it is not healthy."""


def write_down(updates: Path, serving: HealthyServer) -> None:
    """Let those who may read the folder *updates* know what serves from now on."""
    write_json(updates / _SERVING, serving)


def probe(url: str, *, updates: Path | None = None) -> HealthyServer | None:
    """Ask `/healthz` and `/api/v1/server-info` of a server, not by a proxy. Return None if it is not healthy.

    Args:
        updates: The folder in which the server wrote down what it is; for one that wants tokens.
    """
    try:
        if _get(f"{url}/healthz")[0]["status"] != "ok":
            return None
        info, instance_id = _get(f"{url}/api/v1/server-info")
        if info.get("version"):
            return HealthyServer(str(info["version"]), str(info.get("instance_id", "")))
    except (*FAILURES, KeyError, TypeError, AttributeError):
        return None
    serving = read_json(updates / _SERVING, HealthyServer) if updates else None
    return serving if serving and serving.instance_id == instance_id else None


def _get(url: str) -> tuple[dict[str, Any], str]:
    """Return the object that comes, and the instance id in the answer's header."""
    reply = ask(url, headers={"Accept": "application/json"}, timeout=_LIMIT_SECONDS, limit=_MAX_BYTES)
    if reply.status != _OK:
        raise ValueError(f"status {reply.status}")
    found: dict[str, Any] = json.loads(reply.body)
    return found, reply.headers.get(_INSTANCE, "")


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
    """Probe until one process of *version* has answered three times in a row. Tell whether one did in time.

    The version matters because the old process may still answer for a while. The process matters because a server that
    crashes again and again may answer once after each start.

    Args:
        clock: Monotonic seconds.
        has_lost: Tells whether there is no point in waiting longer.
        on_other: Called with the version when a server of another version answers.
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


if __name__ == "__main__":
    found = probe(sys.argv[1], updates=Path(sys.argv[2]))
    sys.stdout.write(f"{found.version if found else ''}\n")
