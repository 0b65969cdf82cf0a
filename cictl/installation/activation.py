"""Switch to a staged version, and back when it is not healthy.

Every step may be repeated: an updater that is killed and started again goes on where it was.
"""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from cictl.base.clock import utc_now
from cictl.installation import health, manifest, processes, state
from cictl.installation.layout import Layout
from cictl.installation.manifest import Pending, Phase, Result, Status
from cictl.installation.processes import Host, OwnChild, ServiceManager
from cictl.installation.smoke import can_open

logger = logging.getLogger(__name__)

HEALTH_SECONDS = 60.0
LOCK_SECONDS = 60.0
"""How long to wait for the lock. The stager releases it just after it wrote the request that starts the updater."""
_STATE_SECONDS = 30.0


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What the updater needs from outside, and its time limits.

    Attributes:
        host: What runs the server. By default a service manager, or the updater itself if the request has `argv`.
        prober: By default one that also knows a server which wants tokens.
        clock: Monotonic seconds.
        stop_seconds: How long a server may take to end before it is killed.
    """

    host: Host | None = None
    prober: health.Prober | None = None
    health_seconds: float = HEALTH_SECONDS
    stop_seconds: float = processes.STOP_SECONDS
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = utc_now


_USUAL = Means()


def apply_staged_update(layout: Layout, means: Means = _USUAL) -> Result | None:
    """Carry out the waiting request, or go on with an interrupted one.

    Returns:
        How the update ended, as in `result.json`; None if there is no request.

    Raises:
        filelock.Timeout: Another process held the lock for too long.
    """
    with layout.lock().acquire(timeout=LOCK_SECONDS):
        wanted = manifest.claim(layout)
        return None if wanted is None else _Activation(layout, wanted, means).run()


def start_helper(layout: Layout, pending: Pending) -> subprocess.Popen[bytes]:
    """Start the updater as a process of its own, if no service manager starts it.

    Call `manifest.request` first, with `pid` and `argv`. Then release the lock and end this process. The helper waits
    for that end, and kills the process if it takes longer than 45 seconds. The helper inherits environment, working
    directory and output, and so does the server that it starts.
    """
    command = [str(layout.script(pending.from_version)), "apply-staged-update"]
    command += ["--home", str(layout.home), "--data-dir", str(layout.data_dir)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - the program of a version that was verified


def return_to_former(layout: Layout, wanted: Pending) -> None:
    """Let `current` and `previous` name what they named before *wanted*, and mark its target as failed."""
    layout.switch_back(wanted.from_version, previous=wanted.previous_version)
    layout.mark_failed(wanted.target_version)


def restore_state(layout: Layout, wanted: Pending) -> str:
    """Restore the copy of the state if the old version can't open the state as the new version left it.

    Returns:
        A text to add to the result's message; empty if nothing was done.
    """
    if not wanted.backup or can_open(layout, wanted.from_version, layout.data_dir):
        return ""
    try:
        state.restore(layout.data_dir, Path(wanted.backup), wait_seconds=_STATE_SECONDS)
    except (state.StateBusy, OSError):
        logger.exception("state not restored backup=%s", wanted.backup)
        return f"; the data of before is not restored, it is in {wanted.backup}"
    logger.warning("state restored, what was changed since is lost backup=%s", wanted.backup)
    return "; the data is that of before the switch again"


@dataclass
class _Activation:
    """One run of the updater. It goes on where an interrupted one was."""

    layout: Layout
    wanted: Pending
    means: Means
    host: Host = field(init=False)
    prober: health.Prober = field(init=False)

    def __post_init__(self) -> None:
        self.prober = self.means.prober or partial(health.probe, updates=self.layout.updates)
        self.host = self.means.host or self._usual_host()

    def _usual_host(self) -> Host:
        arguments, sleep, stop_seconds = self.wanted.argv, self.means.sleep, self.means.stop_seconds
        if arguments is None:
            return ServiceManager(self.layout, sleep=sleep, stop_seconds=stop_seconds)
        return OwnChild(self.layout, arguments, sleep=sleep, stop_seconds=stop_seconds)

    def run(self) -> Result:
        if self.wanted.step == "return":
            return self._go_back()
        if problem := self._problem():
            is_switched = self.layout.current() == self.wanted.target_version
            return self._go_back(f"was broken off: {problem}") if is_switched else self._refuse(problem)
        try:
            self._switch()
        except OSError as error:
            logger.exception("switch failed target=%s", self.wanted.target_version)
            return self._go_back(f"could not be switched to: {error}")
        if not self._is_healthy(self.wanted.target_version, phase="health"):
            return self._go_back()
        return self._succeed()

    def _problem(self) -> str:
        """Return why the request can't be carried out; empty if it can."""
        wanted, record = self.wanted, self.layout.record(self.wanted.target_version)
        if self.layout.current() not in (wanted.from_version, wanted.target_version):
            return f"{wanted.from_version} is not current any more"
        if (
            record is None
            or record.sha256 != wanted.staged_sha256
            or not self.layout.is_complete(wanted.target_version)
        ):
            return f"{wanted.target_version} is not as it was staged"
        return ""

    def _switch(self) -> None:
        wanted, layout = self.wanted, self.layout
        self._tell("running", "applying staged update", phase="switch")
        is_resumed = layout.current() == wanted.target_version
        if not is_resumed:
            if wanted.argv is not None:
                self._see_off(wanted.pid)
            name = f"{wanted.from_version}-to-{wanted.target_version}"
            backup = state.back_up(layout.data_dir, layout.backups, name=name, now=self.means.now())
            self._note(backup=str(backup))
            layout.switch(wanted.target_version)
            logger.info("switched from=%s to=%s", wanted.from_version, wanted.target_version)
        # A killed updater leaves no note of whether it restarted the server. If the new version answers, it did, and
        # another stop would interrupt that server's work for nothing.
        if not (is_resumed and self._serves_already()):
            self.host.stop()
        self.host.start()

    def _see_off(self, pid: int) -> None:
        """Wait until the server that started this helper has ended, and end it if it takes too long."""
        server = processes.find(pid) if pid else None
        if server and not processes.wait_for_end(server, seconds=self.means.stop_seconds, sleep=self.means.sleep):
            processes.end(server, seconds=self.means.stop_seconds, sleep=self.means.sleep)

    def _serves_already(self) -> bool:
        """Tell whether the new version answers already, because an interrupted updater had it started."""
        answer = self.prober(self.wanted.health_url)
        return answer is not None and answer.version == self.wanted.target_version

    def _is_healthy(self, version: str, *, phase: Phase) -> bool:
        self._tell("running", f"waiting for {version} to answer", phase=phase)
        return health.wait_until_healthy(
            self.wanted.health_url,
            version,
            seconds=self.means.health_seconds,
            prober=self.prober,
            clock=self.means.clock,
            sleep=self.means.sleep,
            has_lost=self.host.has_lost,
            on_other=self._end_straggler,
        )

    def _end_straggler(self, version: str) -> None:
        """End a server that started just before the switch, and that had not announced itself when the server was stopped."""
        if version in (self.wanted.from_version, self.wanted.target_version):
            logger.warning("ending a server that started too late for the switch version=%s", version)
            self.host.stop()
            self.host.start()

    def _succeed(self) -> Result:
        message = f"update successful: {self.wanted.target_version}"
        self.layout.prune()  # before the result is written: with it another update may begin
        result = self._tell("success", message, phase="idle")
        manifest.finish(self.layout)
        return result

    def _go_back(self, problem: str = "failed health check") -> Result:
        """Return to the version before, and check whether it still works."""
        wanted = self.wanted
        message = f"update to {wanted.target_version} {problem}; rolled back to {wanted.from_version}"
        logger.error("%s", message)
        self._note(step="return")
        self._tell("running", message, phase="rollback")
        return_to_former(self.layout, wanted)
        self.host.stop()
        message += restore_state(self.layout, wanted)
        self.host.start()
        if not self._is_healthy(wanted.from_version, phase="rollback"):
            message += "; rollback also failed, manual action needed"
        result = self._tell("failed", message, phase="idle")
        manifest.give_up(self.layout)
        return result

    def _refuse(self, problem: str) -> Result:
        result = self._tell("failed", f"update to {self.wanted.target_version} not applied: {problem}", phase="idle")
        manifest.give_up(self.layout)
        if self.wanted.argv is not None:
            self._see_off(self.wanted.pid)
            self.host.start()
        return result

    def _note(self, **changes: str) -> None:
        self.wanted = msgspec.structs.replace(self.wanted, **changes)
        manifest.write_applying(self.layout, self.wanted)

    def _tell(self, status: Status, message: str, *, phase: Phase) -> Result:
        result = manifest.result_of(self.wanted, status, message, phase=phase, now=self.means.now())
        manifest.write_result(self.layout, result)
        logger.info("update status=%s phase=%s: %s", status, phase, message)
        return result
