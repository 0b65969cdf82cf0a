"""What a starting program does about an interrupted update, so that one version stays and the result tells which."""

from __future__ import annotations

import logging
import shutil
from contextlib import ExitStack
from datetime import datetime

import filelock
import msgspec

from cictl.base.clock import utc_now
from cictl.installation import activation, manifest, processes
from cictl.installation.layout import Layout
from cictl.installation.manifest import Pending, Result
from cictl.installation.processes import MAX_STARTS

logger = logging.getLogger(__name__)


def begin(layout: Layout, tag: str, *, now: datetime | None = None) -> Result | None:
    """Announce this process to the updater, and count this start. A program calls it before anything that could fail.

    Args:
        tag: The running version.

    Returns:
        None if the program can go on. A result if this version has started too often without becoming healthy. Then the
        version before is current again, and the program must end, so that its service manager starts that one.
    """
    # This comes before the lock: an updater holds the lock until the new version is healthy, and must see each process
    # that starts meanwhile, to count them and to end one that is too late.
    processes.announce(layout)
    with ExitStack() as stack:
        if not _claim(layout, stack):
            return None
        wanted = manifest.find_applying(layout)
        if wanted and wanted.step == "return" and wanted.from_version == tag:
            activation.restore_state(layout, wanted)
        if wanted is None or wanted.target_version != tag:
            return None
        if wanted.starts < MAX_STARTS:
            manifest.write_applying(layout, msgspec.structs.replace(wanted, starts=wanted.starts + 1))
            return None
        return _return(layout, wanted, now or utc_now())


def reconcile(layout: Layout, version: str, *, now: datetime | None = None) -> Result | None:
    """Settle an update that no updater works on any more. A program calls it once it is healthy.

    A server is healthy when it answers, an agent when the server has accepted a heartbeat.

    Args:
        version: Tag of the running version.

    Returns:
        How the update ended; None if there was nothing to settle, or an updater is at work.
    """
    with ExitStack() as stack:
        if not _claim(layout, stack):
            return None
        outcome = _settle(layout, version, now or utc_now())
        if outcome:
            logger.warning("%s", outcome.message)
        _tidy(layout)
        return outcome


def _claim(layout: Layout, stack: ExitStack) -> bool:
    """Take the lock until *stack* closes, and tell whether it was free. A process that has it settles the update itself."""
    try:
        stack.enter_context(layout.lock().acquire(blocking=False))
    except filelock.Timeout:
        return False
    return True


def _settle(layout: Layout, version: str, now: datetime) -> Result | None:
    if wanted := manifest.find_applying(layout):
        if end := manifest.find_end(layout, wanted):
            (manifest.finish if end.status == "success" else manifest.give_up)(layout)
            return None
        if wanted.target_version == version:
            return _confirm(layout, wanted, now)
        return _abandon(layout, wanted, version, now)
    if wanted := manifest.find_pending(layout):
        return _abandon(layout, wanted, version, now) if now >= wanted.deadline_utc else None
    last = manifest.read_result(layout)
    if last is None or last.status not in ("running", "staged"):
        return None
    return _write(
        layout, msgspec.structs.replace(last, status="failed", message=_incomplete(last.target), phase="idle")
    )


def _confirm(layout: Layout, wanted: Pending, now: datetime) -> Result:
    """Keep the new version, which runs and is healthy."""
    if layout.current() != wanted.target_version:
        layout.switch(wanted.target_version)
    layout.clear_failed(wanted.target_version)
    message = f"update successful: {wanted.target_version}, confirmed at startup"
    outcome = _write(layout, manifest.result_of(wanted, "success", message, phase="idle", now=now))
    manifest.finish(layout)
    layout.prune()
    return outcome


def _abandon(layout: Layout, wanted: Pending, version: str, now: datetime) -> Result:
    """Keep the running version, which is healthy and not the new one."""
    if layout.current() == wanted.target_version and version == wanted.from_version:
        layout.switch_back(version, previous=wanted.previous_version)
    outcome = _write(
        layout, manifest.result_of(wanted, "failed", _incomplete(wanted.target_version), phase="idle", now=now)
    )
    manifest.give_up(layout)
    return outcome


def _return(layout: Layout, wanted: Pending, now: datetime) -> Result:
    activation.return_to_former(layout, wanted)
    message = f"update to {wanted.target_version} did not start; rolled back to {wanted.from_version}"
    message += activation.restore_state(layout, wanted)
    outcome = _write(layout, manifest.result_of(wanted, "failed", message, phase="idle", now=now))
    manifest.give_up(layout)
    logger.error("%s", message)
    return outcome


def _write(layout: Layout, result: Result) -> Result:
    manifest.write_result(layout, result)
    return result


def _incomplete(tag: str) -> str:
    return f"update to {tag} did not complete"


def _tidy(layout: Layout) -> None:
    layout.remove_leftovers()
    for scratch in layout.updates.glob("smoke-*"):
        shutil.rmtree(scratch, ignore_errors=True)
