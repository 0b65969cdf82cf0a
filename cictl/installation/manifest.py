"""What staging, the updater and the server tell one another, by files in DATA/updates.

```
pending.json      a version is staged and wanted; whoever waits for it starts the updater
applying.json     the same, claimed by the updater or, in an agent, by itself
last-failed.json  the last one that did not work out
result.json       how the last update stands, for the server to show; the updater never writes into the server's store
server.json       the process that serves
```
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from cictl.base.files import read_json, write_json
from cictl.installation.layout import Layout

Phase = Literal["idle", "download", "build", "smoke", "staged", "switch", "health", "rollback"]
Status = Literal["running", "staged", "success", "failed", "noop"]
Direction = Literal["try", "return"]


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """One wanted switch of versions.

    Attributes:
        target_version: Tag.
        from_version: Tag of what runs; it is returned to when the target is not healthy.
        rollback: The user wants an older version.
        staged_binary: The folder of the target.
        staged_sha256: Of the target's wheel; checked against its record before the switch.
        deadline_utc: After this, a request that nobody works on is given up.
        health_url: The server's address, without a slash at its end.
        pid: The server's process.
        argv: What to start the server with, without the program, where no service manager does; None where one does.
        previous_version: What `previous` named before.
        step: Whether the target is being tried, or the updater is on its way back.
        starts: How often the target was started without having become healthy and without an updater.
        backup: Folder of the copy of the state, empty for none.
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
    """Return the request for a staged version.

    Args:
        lifetime: How long somebody may take to pick it up and to finish.
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
    """Point `updater` at the running version and ask for the switch. The last act of staging: it triggers the updater.

    Raises:
        OSError: It could not be written; nothing was asked for.
    """
    layout.point_updater(pending.from_version)
    write_json(layout.updates / "pending.json", pending)


def withdraw(layout: Layout) -> None:
    """Take back a request that nobody claimed."""
    (layout.updates / "pending.json").unlink(missing_ok=True)


def find_pending(layout: Layout) -> Pending | None:
    return read_json(layout.updates / "pending.json", Pending)


def find_applying(layout: Layout) -> Pending | None:
    return read_json(layout.updates / "applying.json", Pending)


def find_active(layout: Layout, *, now: datetime | None = None) -> Pending | None:
    """Return the request that waits or is worked on, is not past its deadline and has not ended: a reason to refuse another."""
    found = find_applying(layout) or find_pending(layout)
    if found is None or (now or datetime.now(tz=UTC)) >= found.deadline_utc or find_end(layout, found):
        return None
    return found


def find_end(layout: Layout, wanted: Pending) -> Result | None:
    """Return how *wanted* ended; None while it has not. An updater forgets a request only after it has told its end."""
    last = read_result(layout)
    if last is None or last.status not in ("success", "failed") or last.target != wanted.target_version:
        return None
    return last if last.updated_utc >= wanted.requested_at_utc else None


def claim(layout: Layout) -> Pending | None:
    """Make the waiting request one's own; an interrupted one comes first.

    Returns:
        None when nothing is wanted, or nothing that can be understood; such a file is put aside.
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
    """Forget the request that worked out."""
    (layout.updates / "applying.json").unlink(missing_ok=True)


def give_up(layout: Layout) -> None:
    """Keep the request aside: one that stays in place would start the updater again at once."""
    for name in ("applying.json", "pending.json"):
        if (layout.updates / name).exists():
            (layout.updates / name).replace(layout.updates / "last-failed.json")
            return


def result_of(wanted: Pending, status: Status, message: str, *, phase: Phase, now: datetime) -> Result:
    """Return how the update that *wanted* asks for stands."""
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
    """Delete the result: whoever wanted to know was told."""
    (layout.updates / "result.json").unlink(missing_ok=True)


def read_result(layout: Layout) -> Result | None:
    return read_json(layout.updates / "result.json", Result)
