"""One update or rollback, from its beginning until an updater takes over."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from datetime import timedelta

import filelock
import msgspec

from cictl.base.clock import Clock
from cictl.base.system import children
from cictl.installation import manifest
from cictl.installation.capability import Capability
from cictl.installation.layout import Layout
from cictl.installation.manifest import Phase
from cictl.installation.releases.release import ReleaseError
from cictl.installation.smoke import SmokeError
from cictl.installation.staging import PreflightError, StageError, find_staged
from cictl.installation.versions import find_tag
from cictl.wire.admin.updates import UpdateAnswer, UpdateKey
from cictl.wire.jobs import JobStatus
from cictl_server.errors import CictlError, InvalidRequest, StoreError, UpdateFailed, UpdateUnavailable
from cictl_server.services.fleet.targets import AGENT_UPDATE_TARGET
from cictl_server.services.jobs.lease_pause import LeasePause
from cictl_server.services.updates.book import UpdateBook
from cictl_server.services.updates.fellows import UpdatingFellows
from cictl_server.services.updates.process import ServerProcess
from cictl_server.services.updates.tools import UpdateTools
from cictl_server.store.contract import Store

logger = logging.getLogger(__name__)

PICK_UP = timedelta(seconds=120)
"""How long the updater may take to begin and to stop the old version. Two waits for health are added to it."""

_DRAIN_LOOK_SECONDS = 0.5
_STOPPED = "stage update: the server was stopped before the version was installed"


class UpdateOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asked for.

    Attributes:
        target: A tag; empty for the latest release.
        current: The running version.
    """

    target: str
    current: str
    is_rollback: bool


class UpdateRun:
    """One attempt, on its own thread, so that a client that hangs up does not end it.

    Attributes:
        phase: What it is doing.
        target: The version to install; empty until it is known.
        is_over: Whether its answer or error is known.
    """

    def __init__(
        self,
        order: UpdateOrder,
        *,
        capability: Capability,
        lock: filelock.BaseFileLock | None,
        tools: UpdateTools,
        store: Store,
        book: UpdateBook,
        fellows: UpdatingFellows,
        pause: LeasePause,
        process: ServerProcess,
        clock: Clock,
    ) -> None:
        """Take over *lock*, held by the caller; the run releases it."""
        self.order = order
        self.phase: Phase = "idle"
        self.target = order.target
        self._capability = capability
        self._file_lock = lock
        self._tools = tools
        self._store = store
        self._book = book
        self._fellows = fellows
        self._pause = pause
        self._process = process
        self._clock = clock
        self._done = threading.Event()
        self._is_cancelled = threading.Event()
        self._answer: UpdateAnswer | None = None
        self._error: CictlError | None = None

    @property
    def is_over(self) -> bool:
        return self._done.is_set()

    def start(self) -> None:
        threading.Thread(target=self._run, name="update", daemon=True).start()

    def cancel(self) -> None:
        """End the attempt and the programs that it runs, because the server stops. Does nothing once it is over."""
        if not self.is_over:
            self._is_cancelled.set()
            children.end_all()

    def wait(self, limit: timedelta) -> UpdateAnswer | None:
        """Return the answer; None if there is none after *limit*.

        Raises:
            InvalidRequest, UpdateFailed: What went wrong.
        """
        self._done.wait(limit.total_seconds())
        if self._error is not None:
            raise self._error
        return self._answer

    def _run(self) -> None:
        leave: Callable[[], None] | None = None
        try:
            self._answer, leave = self._perform()
        except (ReleaseError, PreflightError) as error:
            self._fail(InvalidRequest(str(error)))
        except (StageError, SmokeError) as error:
            self._fail(UpdateFailed(str(error)))
        except CictlError as error:
            self._fail(error)
        except OSError as error:
            self._fail(UpdateFailed(f"stage update: {error}"))
        except Exception as error:  # a thread's last resort: the request must get an answer
            logger.exception("update failed target=%s", self.target)
            self._fail(UpdateFailed(f"stage update: unexpected {type(error).__name__}: {error}"))
        finally:
            if self._file_lock is not None:
                self._file_lock.release()
            self._done.set()
        if leave is not None:
            leave()

    def _fail(self, error: CictlError) -> None:
        if self._is_cancelled.is_set():
            error = UpdateFailed(_STOPPED)
        logger.warning("update failed target=%s phase=%s: %s", self.target, self.phase, error)
        self._pause.end()
        self._error = error
        try:
            self._book.write({UpdateKey.STATUS: "failed", UpdateKey.MESSAGE: str(error)})
        except StoreError as unwritten:  # the server is stopping, or its disk is full: the answer still tells it
            logger.warning("the failure could not be remembered: %s", unwritten)

    def _perform(self) -> tuple[UpdateAnswer, Callable[[], None] | None]:
        """Do the update. Return the answer, and the function that ends this process if the update needs that."""
        layout = self._capability.layout
        if not self._capability.is_supported or layout is None:
            raise UpdateUnavailable(self._capability.reason)
        if self.target == self.order.current:
            return self._nothing_to_do(), None
        is_here = self.order.is_rollback and find_staged(layout, self.target) is not None
        if not is_here and not self._install(layout):
            return self._nothing_to_do(), None
        self._set_phase("smoke")
        self._tools.smoke(layout, self.target)
        self._drain()
        return self._hand_over(layout)

    def _install(self, layout: Layout) -> bool:
        """Fetch and build the version; return False when no newer one exists."""
        self._set_phase("download")
        source = self._tools.source
        release = source.get(self.target) if self.target else source.latest()
        is_news = self.order.target or not _is_older(release.tag, than=self.order.current)
        self.target = release.tag if is_news else self.order.current
        if self.target == self.order.current:
            return False
        folder = layout.downloads / self.target
        try:
            fetched = source.fetch(release, folder)
            self._tools.stage(layout, fetched, self.target, on_phase=self._set_staging_phase)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return True

    def _nothing_to_do(self) -> UpdateAnswer:
        message = "already at target version" if self.order.is_rollback else "already up to date"
        changes = {UpdateKey.STATUS: "noop", UpdateKey.MESSAGE: message, UpdateKey.TARGET: self.target}
        if find_tag(self.order.current):
            changes[AGENT_UPDATE_TARGET] = self.order.current
        self._book.write(changes, latest=self.target)
        return UpdateAnswer(
            updated=False,
            message=message,
            target=self.target,
            target_version=self.target,
            current_version=self.order.current,
        )

    def _drain(self) -> None:
        """Pause leases, and wait for active jobs to end, for at most the time in the settings.

        Where other servers go on, agents report to them meanwhile, and get new jobs: there is nothing to wait for.
        """
        if not self._tools.drain or self._fellows.any:
            return
        until = self._clock() + self._tools.drain
        self._pause.begin(until)
        while self._clock() < until and not self._is_cancelled.is_set() and self._has_active_jobs():
            self._is_cancelled.wait(_DRAIN_LOOK_SECONDS)

    def _has_active_jobs(self) -> bool:
        with self._store.read() as view:
            counts = view.jobs.count_by_status()
        return bool(counts[JobStatus.LEASED] or counts[JobStatus.RUNNING])

    def _hand_over(self, layout: Layout) -> tuple[UpdateAnswer, Callable[[], None] | None]:
        """Ask the updater for the switch.

        This must be the last act: the updater stops this server at once. So the pause and the book are written first, and a
        failed request is withdrawn.
        """
        self._set_phase("staged")
        needs_helper = self._capability.needs_helper
        message = self._message(needs_helper=needs_helper)
        now = self._clock()
        pending = manifest.new_pending(
            layout,
            self.target,
            from_version=self.order.current,
            rollback=self.order.is_rollback,
            now=now,
            lifetime=PICK_UP + 2 * self._tools.health,
            health_url=self._process.url,
            pid=self._process.id,
            argv=list(self._process.arguments) if needs_helper else None,
        )
        self._pause.begin(pending.deadline_utc)
        self._book.write(
            {
                UpdateKey.STATUS: "staged",
                UpdateKey.MESSAGE: message,
                UpdateKey.TARGET: self.target,
                UpdateKey.RELOAD_PENDING: "1",
            },
            latest=self.target,
        )
        try:
            manifest.request(layout, pending)
            if needs_helper:
                self._tools.start_helper(layout, pending)
        except OSError as error:
            manifest.withdraw(layout)
            raise UpdateFailed(f"trigger updater: {error}") from error
        logger.info("update staged target=%s from=%s", self.target, self.order.current)
        answer = UpdateAnswer(
            updated=True,
            message=message,
            target=self.target,
            target_version=self.target,
            current_version=self.order.current,
            staged=not needs_helper,
        )
        return answer, self._process.leave if needs_helper else None

    def _message(self, *, needs_helper: bool) -> str:
        what = "rollback" if self.order.is_rollback else "update"
        if needs_helper:
            return f"{what} helper started, restarting"
        return f"staged {what} and triggered linux updater"

    def _set_staging_phase(self, phase: str) -> None:
        self._set_phase("build" if phase == "build" else "download")

    def _set_phase(self, phase: Phase) -> None:
        if self._is_cancelled.is_set():
            raise UpdateFailed(_STOPPED)
        self.phase = phase


def _is_older(version: str, *, than: str) -> bool:
    left, right = find_tag(version), find_tag(than)
    return left is not None and right is not None and left < right
