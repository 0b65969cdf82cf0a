"""Carrying out what a server orders in its answer to a heartbeat. How a version is installed is in `updating`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from cictl.wire.agents import HeartbeatResponse
from cictl_agent.config import AgentConfig
from cictl_agent.job.caches import wipe_caches
from cictl_agent.system.service_managers import RestartFailed, Service
from cictl_agent.system.trees import remove_tree
from cictl_agent.updating import UpdateFailed, Updater, WantedVersion

logger = logging.getLogger(__name__)

NO_RESTART = "restart unavailable: this agent does not restart itself; restart its process"
RESTART_DEFERRED = "restart deferred: agent busy with active job"

_SETTLE_SECONDS = 5.0


class Speaker(Protocol):
    """What carries remarks to the server: the heartbeat."""

    def remark(self, text: str) -> None: ...

    def report_update_failure(self, text: str) -> None: ...

    def settle(self, seconds: float) -> bool: ...


class Orders:
    """Carries orders out. A scan of the tools starts at once; deleting files and restarting wait until no job runs.

    Wiping comes before an update, and an update before a restart: the end of the process would make it forget orders.
    An agent restarts by ending, so only one that a service manager watches restarts. A version is installed while jobs
    go on, and switched to between two jobs.
    """

    def __init__(
        self,
        config: AgentConfig,
        *,
        updater: Updater,
        refresh_tools: Callable[[], None],
        speaker: Speaker,
        is_busy: Callable[[], bool],
        stop: threading.Event,
    ) -> None:
        """Begin without orders.

        Args:
            is_busy: Whether a job runs.
            stop: Set by this object to end the agent, so that it is started anew.
        """
        self._config = config
        self._updater = updater
        self._refresh_tools = refresh_tools
        self._speaker = speaker
        self._is_busy = is_busy
        self._stop = stop
        self._lock = threading.Lock()
        self._wipes_cache = False
        self._flushes_history = False
        self._restarts = False
        self._update: WantedVersion | None = None
        self._installing: WantedVersion | None = None
        self._installed = ""
        self.exit_code = 0
        """The agent's exit code after it ended for a restart."""
        self.files = threading.Lock()
        """Held by whoever uses caches and workspaces. Taken before `_lock`, which is never held while waiting for it."""

    @property
    def is_restarting(self) -> bool:
        """Whether no further job may begin."""
        return self._restarts

    def take(self, answer: HeartbeatResponse) -> None:
        """Note the orders, and start what can be done now; never waits for a job."""
        if answer.refresh_tools_requested:
            logger.info("server requested a look at the tools")
            self._refresh_tools()
        if answer.update_requested:
            self._note_update(answer)
        restarts = answer.restart_requested and self._config.service is not None
        with self._lock:
            self._wipes_cache |= answer.wipe_cache_requested
            self._flushes_history |= answer.flush_job_history_requested
            self._restarts |= restarts
        if restarts and self._is_busy():
            self._speaker.remark(RESTART_DEFERRED)
        if self._has_to_do():  # in a thread: heartbeats can't wait for a large cache to be deleted
            threading.Thread(target=self.carry_out_if_idle, name="orders", daemon=True).start()
        if answer.restart_requested and not restarts:
            self._speaker.remark(NO_RESTART)

    def _note_update(self, answer: HeartbeatResponse) -> None:
        """Remember the version that is wanted; it replaces one that was wanted before."""
        if self._updater.refusal:
            self._speaker.report_update_failure(self._updater.refusal)
            return
        if self._updater.is_on_trial:
            return  # first it must be settled whether this version stays; the server asks again
        wanted = WantedVersion(
            target=answer.update_target, repository=answer.update_repository, api_base=answer.update_api_base
        )
        with self._lock:
            if wanted.target != self._updater.version and wanted != self._installing:
                self._update = wanted

    def carry_out_if_idle(self) -> None:
        """Do what had to wait, unless `files` is held; whoever holds it must call this after releasing it."""
        while self._has_to_do() and self.files.acquire(blocking=False):
            try:
                self._carry_out()
            finally:
                self.files.release()

    def _has_to_do(self) -> bool:
        with self._lock:
            if self._wipes_cache or self._flushes_history:
                return True
            ends = self._installed or (self._restarts and not self._installing)
            return not self._stop.is_set() and bool(ends or (self._update and not self._installing))

    def _carry_out(self) -> None:
        begins = False
        with self._lock:
            wipes, self._wipes_cache = self._wipes_cache, False
            flushes, self._flushes_history = self._flushes_history, False
            if self._installing is None:
                self._installing, self._update = self._update, None
                begins = self._installing is not None
        try:
            if wipes:
                wipe_caches(self._config.cache_dir)
                logger.info("caches wiped dir=%s", self._config.cache_dir)
            if flushes:
                self._flush_history()
        except OSError as error:
            self._speaker.remark(f"wipe failed: {error}")
            logger.warning("wipe failed: %s", error)
        if begins:
            threading.Thread(target=self._install, name="update", daemon=True).start()
        elif self._installed:
            self._switch()
        if self._restarts and not self._installing and self._config.service and not self._stop.is_set():
            self._restart(self._config.service)

    def _install(self) -> None:
        """Install the wanted version, and switch to it: at once, or after the job that runs by then."""
        wanted = self._installing
        assert wanted is not None
        logger.info("server requested an update version=%s", wanted.target)
        try:
            self._installed = self._updater.install(wanted)
        except UpdateFailed as error:
            self._fail(error)
        finally:
            self._installing = None
        self.carry_out_if_idle()

    def _switch(self) -> None:
        tag, self._installed = self._installed, ""
        try:
            self._updater.switch(tag)
        except UpdateFailed as error:
            self._fail(error)
        else:
            self._restarts = True

    def _fail(self, error: UpdateFailed) -> None:
        logger.warning("not updated: %s", error)
        self._speaker.report_update_failure(str(error))

    def _restart(self, service: Service) -> None:
        """End the agent once the server knows why, or after five seconds without its answer."""
        logger.info("server requested a restart service=%s", service.name)
        self._tell(service.announcement)
        try:
            service.restart()
        except RestartFailed as error:
            logger.warning("the service manager did not restart service=%s: %s", service.name, error)
            self._tell(f"service restart failed; fallback exit requested: {error}")
            self.exit_code = service.fallback_code
        self._stop.set()

    def _tell(self, text: str) -> None:
        self._speaker.remark(text)
        self._speaker.settle(_SETTLE_SECONDS)

    def _flush_history(self) -> None:
        """Delete the workspaces, and the `job-…` directories that reference agents leave."""
        remove_tree(self._config.workspaces_dir)
        self._config.workspaces_dir.mkdir(parents=True, exist_ok=True)
        for leftover in self._config.work_dir.glob("job-*"):
            remove_tree(leftover)
        logger.info("workspaces deleted dir=%s", self._config.workspaces_dir)
