"""Updating the server: which versions exist, starting an update, and its status."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from datetime import datetime

import filelock

from cictl.base.clock import Clock
from cictl.installation import manifest
from cictl.installation.capability import Capability
from cictl.installation.layout import Layout
from cictl.installation.reconcile import reconcile
from cictl.installation.releases.release import ReleaseError
from cictl.installation.versions import find_tag
from cictl.wire.admin.updates import (
    UPDATE_STILL_RUNNING,
    UpdateAnswer,
    UpdateCheck,
    UpdateKey,
    UpdateRequest,
    UpdateStatus,
    UpdateTags,
)
from cictl.wire.words import NOT_A_SERVICE
from cictl_server.errors import Conflict, InvalidRequest
from cictl_server.services.core.deeds import note_details
from cictl_server.services.fleet.rollout import Rollout
from cictl_server.services.fleet.targets import AGENT_UPDATE_TARGET, installs_wheels
from cictl_server.services.jobs.lease_pause import LeasePause
from cictl_server.services.updates.book import ADOPTED, UNFINISHED, UpdateBook
from cictl_server.services.updates.fellows import UpdatingFellows
from cictl_server.services.updates.process import ServerProcess
from cictl_server.services.updates.run import UpdateOrder, UpdateRun
from cictl_server.services.updates.tools import UpdateTools
from cictl_server.store.contract import Store
from cictl_server.store.records.agents import AgentRecord

logger = logging.getLogger(__name__)

_LOCK_SECONDS = 2.0
"""How long the last updater may hold the lock after it has written its result."""


class UpdateService:
    """Starts updates, one at a time. A file lock holds for other processes of the same installation too."""

    def __init__(
        self,
        *,
        store: Store,
        book: UpdateBook,
        fellows: UpdatingFellows,
        tools: UpdateTools,
        pause: LeasePause,
        process: ServerProcess,
        rollout: Rollout,
        clock: Clock,
        version: str,
    ) -> None:
        self.tools = tools
        self._store = store
        self._book = book
        self._fellows = fellows
        self._pause = pause
        self._process = process
        self._rollout = rollout
        self._clock = clock
        self._version = version
        self._lock = threading.Lock()
        self._run: UpdateRun | None = None
        self._is_tidy = False

    def check(self) -> UpdateCheck:
        """Look for a newer release, however this server was installed. A failure is returned as a message."""
        remembered = {UpdateKey.LAST_CHECKED: _instant(self._clock()), UpdateKey.CURRENT: self._version}
        try:
            release = self.tools.source.latest()
        except ReleaseError as error:
            self._book.write(
                {**remembered, UpdateKey.MESSAGE: str(error), UpdateKey.AVAILABLE: "0"},
                cleared=(UpdateKey.LATEST, UpdateKey.RELEASE_URL, UpdateKey.ASSET_NAME),
            )
            return UpdateCheck(current_version=self._version, update_available=False, message=str(error))
        is_news = _is_newer(release.tag, than=self._version)
        message = "" if is_news else self._no_news(release.tag)
        self._book.write(
            {
                **remembered,
                UpdateKey.LATEST: release.tag,
                UpdateKey.RELEASE_URL: release.page_url,
                UpdateKey.ASSET_NAME: release.wheel.name,
                UpdateKey.AVAILABLE: "1" if is_news else "0",
                UpdateKey.MESSAGE: message,
            }
        )
        return UpdateCheck(
            current_version=self._version,
            latest_version=release.tag,
            update_available=is_news,
            release_url=release.page_url,
            asset_name=release.wheel.name,
            message=message,
        )

    def list_tags(self) -> UpdateTags:
        """Return the versions that are released or installed here; only the latter if the source can't be asked.

        Raises:
            InvalidRequest: The source can't be asked, and only the running version is installed.
        """
        local = self._rollback_versions()
        try:
            tags = self.tools.source.list_tags()
        except ReleaseError as error:
            if not local:
                raise InvalidRequest(str(error)) from error
            tags = []
        tags += [tag for tag in local if tag not in tags]
        first = [] if self._version in tags else [self._version]
        return UpdateTags(tags=first + tags, current_version=self._version)

    def apply(self, request: UpdateRequest) -> UpdateAnswer | None:
        """Update to a release, by default the latest. Return None if it is still running after `apply_wait`.

        Raises:
            InvalidRequest: There is no such version, or its release is incomplete.
            UpdateUnavailable: This installation can't update itself.
            Conflict: Another update is in progress.
            UpdateFailed: The version could not be installed, or does not work here.
        """
        return self._begin(request.target_version.strip(), is_rollback=False)

    def rollback(self, request: UpdateRequest) -> UpdateAnswer | None:
        """Go back to a version. One that is still installed needs no network.

        Raises:
            InvalidRequest: No target. All others as for `apply`.
        """
        target = request.target_version.strip()
        if not target:
            raise InvalidRequest("target_version is required", hint="`cictl update tags` shows what there is")
        return self._begin(target, is_rollback=True)

    def still_running(self, request: UpdateRequest) -> UpdateAnswer:
        """Return the answer for an update that outlasts its request."""
        run = self._run
        target = run.target if run else request.target_version.strip()
        return UpdateAnswer(
            updated=False,
            message=UPDATE_STILL_RUNNING,
            target=target,
            target_version=target,
            current_version=self._version,
        )

    def refuse_while_active(self) -> None:
        """Check that no update is in progress.

        Raises:
            Conflict: One is.
        """
        with self._lock:
            self._check_idle(self.tools.capability().layout)

    def status(self) -> UpdateStatus:
        """Return everything about updates that clients may know."""
        return UpdateStatus(status=self._own_status(), servers=self._fellows.shown())

    def _own_status(self) -> dict[str, str]:
        """Return what is known of the updates of this server, as texts."""
        self.adopt()
        stored = self._book.shown()
        capability = self.tools.capability()
        latest = stored.get(UpdateKey.LATEST, "")
        if latest:
            stored[UpdateKey.AVAILABLE] = "1" if _is_newer(latest, than=self._version) else "0"
            if _is_newer(self._version, than=latest):
                stored[UpdateKey.LATEST] = self._version  # else clients that compare for equality offer a downgrade
        return {
            **stored,
            UpdateKey.CURRENT: self._version,
            UpdateKey.MODE: capability.mode,
            UpdateKey.SUPPORTED: "1" if capability.is_supported else "0",
            UpdateKey.UNSUPPORTED_REASON: capability.reason,
            UpdateKey.AGENT_TARGET: stored.get(AGENT_UPDATE_TARGET, ""),
            UpdateKey.UNABLE_AGENTS: ",".join(self._unable_agents()),
            UpdateKey.PHASE: self._phase(capability.layout),
            UpdateKey.PREVIOUS: (capability.layout.previous() or "") if capability.layout else "",
            UpdateKey.ROLLBACK_VERSIONS: ",".join(self._rollback_versions()),
        }

    def adopt(self) -> None:
        """Store the result of an updater, if it is a new one.

        The agents follow once all servers run the new version, so the last one that is updated lets them.
        """
        layout = self.tools.capability().layout
        result = manifest.read_result(layout) if layout else None
        if result is None or _instant(result.updated_utc) == self._book.find(ADOPTED):
            return
        changes = {
            ADOPTED: _instant(result.updated_utc),
            UpdateKey.APPLIED: _instant(result.updated_utc),
            UpdateKey.STATUS: result.status,
            UpdateKey.MESSAGE: result.message,
            UpdateKey.TARGET: result.target,
        }
        if result.status == "success" and self._fellows.run(result.target):
            changes[AGENT_UPDATE_TARGET] = result.target
        self._book.write(changes, latest=result.target if result.status == "success" else "")
        if result.status not in UNFINISHED:
            self._pause.end()
        logger.info("update %s target=%s: %s", result.status, result.target, result.message)

    def settle(self) -> None:
        """Store results and give up an update on which nobody works any more.

        At the first quiet moment it also repairs what an interrupted updater left behind (`reconcile`).
        """
        self.adopt()
        is_unfinished = self._book.find(UpdateKey.STATUS) in UNFINISHED
        if self._is_running or (self._is_tidy and not is_unfinished):
            return
        layout = self.tools.capability().layout
        if layout is not None and (manifest.find_active(layout, now=self._clock()) or layout.is_locked()):
            return
        self._is_tidy = True
        if layout is not None and reconcile(layout, self._version, now=self._clock()) is not None:
            self.adopt()
        elif is_unfinished:
            self._give_up(self._book.find(UpdateKey.TARGET))

    def stop(self) -> None:
        """Cancel an update that is not handed over yet. Takes no lock, because a signal handler calls it."""
        if self._run is not None:
            self._run.cancel()

    @property
    def _is_running(self) -> bool:
        return self._run is not None and not self._run.is_over

    def _no_news(self, latest: str) -> str:
        return (
            "already up to date"
            if find_tag(self._version)
            else f"{self._version} is no release; {latest} is the latest"
        )

    def _give_up(self, target: str) -> None:
        """Mark an update as failed that was interrupted and left only its status behind."""
        self._pause.end()
        what = f"update to {target}" if target else "update"
        self._book.write({UpdateKey.STATUS: "failed", UpdateKey.MESSAGE: f"{what} did not complete"})

    def _begin(self, target: str, *, is_rollback: bool) -> UpdateAnswer | None:
        if target and find_tag(target) is None:
            raise InvalidRequest("invalid target_version", hint="versions look like v1.2.3 or v1.2.3-rc.1")
        note_details(version=target or "latest")
        run = self._start(UpdateOrder(target=target, current=self._version, is_rollback=is_rollback))
        return run.wait(self.tools.apply_wait)

    def _start(self, order: UpdateOrder) -> UpdateRun:
        capability = self.tools.capability()
        with self._lock:
            self._check_idle(capability.layout)
            lock = _take(capability) if capability.is_supported else None
            run = self._run = UpdateRun(
                order,
                capability=capability,
                lock=lock,
                tools=self.tools,
                store=self._store,
                book=self._book,
                fellows=self._fellows,
                pause=self._pause,
                process=self._process,
                clock=self._clock,
            )
            started = {UpdateKey.STATUS: "running", UpdateKey.MESSAGE: "update started", UpdateKey.TARGET: order.target}
            self._book.write({UpdateKey.APPLIED: _instant(self._clock()), **started})
            run.start()
        return run

    def _check_idle(self, layout: Layout | None) -> None:
        if self._is_running or (layout is not None and manifest.find_active(layout, now=self._clock())):
            raise _in_progress()

    def _phase(self, layout: Layout | None) -> str:
        run = self._run
        if run is not None and not run.is_over:
            return run.phase
        if layout is None or manifest.find_active(layout, now=self._clock()) is None:
            return "idle"
        if manifest.find_applying(layout) is None:
            return "staged"
        result = manifest.read_result(layout)
        return result.phase if result else "switch"

    def _rollback_versions(self) -> list[str]:
        """Return the installed versions other than the running one, newest first."""
        layout = self.tools.capability().layout
        return _newest_first(layout.complete_versions() if layout else (), but=self._version)

    def _unable_agents(self) -> list[str]:
        """Return the agents that said they are not a service: when asked to update, or by their run mode."""
        with self._store.read() as view:
            agents = list(view.agents.iter_all())
        return [agent.agent_id for agent in agents if self._is_unable(agent)]

    def _is_unable(self, agent: AgentRecord) -> bool:
        said = self._rollout.schedule(agent.agent_id).last_error
        is_asked = installs_wheels(agent.capabilities) == self.tools.releases.has_wheels
        is_manual = (agent.capabilities or {}).get("run_mode") == "manual"
        return NOT_A_SERVICE.casefold() in said.casefold() or (is_manual and not is_asked)


def _take(capability: Capability) -> filelock.BaseFileLock | None:
    """Take the installation's lock.

    Raises:
        Conflict: Another process holds it.
    """
    if capability.layout is None:
        return None
    lock = capability.layout.lock()
    try:
        lock.acquire(timeout=_LOCK_SECONDS)
    except filelock.Timeout:
        raise _in_progress() from None
    return lock


def _in_progress() -> Conflict:
    return Conflict("update already in progress", hint="`cictl update status` tells how it stands")


def _newest_first(versions: Iterable[str], *, but: str) -> list[str]:
    tags = sorted((tag for version in versions if (tag := find_tag(version))), reverse=True)
    return [str(tag) for tag in tags if str(tag) != but]


def _is_newer(version: str, *, than: str) -> bool:
    """Tell whether *version* is newer. Compared with `dev`, nothing is."""
    left, right = find_tag(version), find_tag(than)
    return left is not None and right is not None and left > right


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
