"""The files in DATA/updates by which staging, the updater and the server talk to each other.

```
pending.json      the request to switch to a staged version; systemd or the server starts the updater for it
applying.json     the same, claimed by the updater or, in an agent, by itself
last-failed.json  the last request that failed
result.json       how the last update stands; the server shows it, since the updater can't write into its store
server.json       the process that serves
serving.json      its version and instance id, which it tells no stranger
```
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from cictl.base.system.files import read_json, write_json
from cictl.installation.layout import Layout

Phase = Literal["idle", "download", "build", "smoke", "staged", "switch", "health", "rollback"]
Status = Literal["running", "staged", "success", "failed", "noop"]
Direction = Literal["try", "return"]


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A request to switch versions.

    Attributes:
        target_version: Tag.
        from_version: Tag of the running version. The updater returns to it if the target is not healthy.
        rollback: The user wants an older version.
        staged_binary: The folder of the target.
        staged_sha256: Of the target's wheel; checked against its record before the switch.
        deadline_utc: After this, a request that nobody works on is given up.
        health_url: The server's URL, without a slash at its end.
        pid: Id of the server's process.
        argv: The arguments to start the server with; None if a service manager starts it.
        previous_version: The version that `previous` named before.
        step: `try` while the target is tried, `return` once the updater goes back.
        starts: How often the target has started without becoming healthy, while no updater was at work.
        backup: Folder with the copy of the state; empty if there is none.
    """

    target_version: str
    from_version: str
    rollback: bool = False
    staged_binary: str = ""
    staged_sha256: str = ""
    requested_at_utc: datetime
    deadline_utc: datetime
    health_url: str = ""
    pid: int = 0
    argv: list[str] | None = None
    previous_version: str = ""
    step: Direction = "try"
    starts: int = 0
    backup: str = ""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How an update stands, or how it ended.

    Attributes:
        target: Tag.
    """

    status: Status
    message: str
    phase: Phase
    target: str
    from_version: str = ""
    rollback: bool = False
    updated_utc: datetime


def new_pending(
    layout: Layout,
    target: str,
    *,
    from_version: str,
    rollback: bool,
    now: datetime,
    lifetime: timedelta,
    health_url: str = "",
    pid: int = 0,
    argv: list[str] | None = None,
) -> Pending:
    """Return a request for the staged version *target*. Nothing is written.

    Args:
        lifetime: How long claiming the request and finishing it may take.
    """
    record = layout.record(target)
    return Pending(
        target_version=target,
        from_version=from_version,
        rollback=rollback,
        staged_binary=str(layout.folder(target)),
        staged_sha256=record.sha256 if record else "",
        requested_at_utc=now,
        deadline_utc=now + lifetime,
        health_url=health_url,
        pid=pid,
        argv=argv,
        previous_version=layout.previous() or "",
    )


def request(layout: Layout, pending: Pending) -> None:
    """Let `updater` name the running version, and write the request. It is the last act of staging and triggers the updater.

    Raises:
        OSError: It could not be written; there is no request.
    """
    layout.point_updater(pending.from_version)
    write_json(layout.updates / "pending.json", pending)


def withdraw(layout: Layout) -> None:
    """Delete a request that nobody has claimed."""
    (layout.updates / "pending.json").unlink(missing_ok=True)


def find_pending(layout: Layout) -> Pending | None:
    return read_json(layout.updates / "pending.json", Pending)


def find_applying(layout: Layout) -> Pending | None:
    return read_json(layout.updates / "applying.json", Pending)


def find_active(layout: Layout, *, now: datetime | None = None) -> Pending | None:
    """Return the request that waits or is worked on. While there is one, others are refused.

    None if it is past its deadline, or has ended.
    """
    found = find_applying(layout) or find_pending(layout)
    if found is None or (now or datetime.now(tz=UTC)) >= found.deadline_utc or find_end(layout, found):
        return None
    return found


def find_end(layout: Layout, wanted: Pending) -> Result | None:
    """Return how *wanted* ended; None while it has not.

    The updater writes the result before it removes the request. A request with such a result is a leftover.
    """
    last = read_result(layout)
    if last is None or last.status not in ("success", "failed") or last.target != wanted.target_version:
        return None
    return last if last.updated_utc >= wanted.requested_at_utc else None


def claim(layout: Layout) -> Pending | None:
    """Claim the waiting request, or an interrupted one, which comes first.

    The rename makes sure that one process claims it.

    Returns:
        None if there is no request, or if it can't be read; such a file is put aside.
    """
    applying = layout.updates / "applying.json"
    if not applying.exists():
        try:
            (layout.updates / "pending.json").rename(applying)
        except FileNotFoundError:
            return None
    wanted = find_applying(layout)
    if wanted is None:
        give_up(layout)
    return wanted


def write_applying(layout: Layout, pending: Pending) -> None:
    write_json(layout.updates / "applying.json", pending)


def finish(layout: Layout) -> None:
    """Delete the request, which succeeded."""
    (layout.updates / "applying.json").unlink(missing_ok=True)


def give_up(layout: Layout) -> None:
    """Put the request aside, which failed. If it stayed, it would start the updater again at once."""
    for name in ("applying.json", "pending.json"):
        if (layout.updates / name).exists():
            (layout.updates / name).replace(layout.updates / "last-failed.json")
            return


def result_of(wanted: Pending, status: Status, message: str, *, phase: Phase, now: datetime) -> Result:
    """Return the result that tells how the update of *wanted* stands."""
    return Result(
        status=status,
        message=message,
        phase=phase,
        target=wanted.target_version,
        from_version=wanted.from_version,
        rollback=wanted.rollback,
        updated_utc=now,
    )


def write_result(layout: Layout, result: Result) -> None:
    write_json(layout.updates / "result.json", result)


def forget_result(layout: Layout) -> None:
    """Delete the result, once it was reported."""
    (layout.updates / "result.json").unlink(missing_ok=True)


def read_result(layout: Layout) -> Result | None:
    return read_json(layout.updates / "result.json", Result)
