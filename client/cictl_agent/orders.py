"""Carrying out what a server orders in its answer to a heartbeat. How a version is installed is in `updating`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from cictl.wire.agents import HeartbeatResponse
from cictl_agent.config import AgentConfig
from cictl_agent.floor import Floor
from cictl_agent.job.caches.directories import wipe_caches
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

    def beat_now(self) -> None: ...


class Orders:
    """Carries orders out. A scan of the tools starts at once; deleting files and restarting wait until no job runs.

    While they wait, no slot asks for another job.

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
        self.floor = Floor()

    @property
    def is_restarting(self) -> bool:
        """Whether no further job may begin."""
        return self._restarts

    @property
    def are_waiting(self) -> bool:
        """Whether there is something to do that needs the caches and workspaces, or the end of the agent."""
        with self._lock:
            if self._wipes_cache or self._flushes_history:
                return True
            ends = bool(self._installed or self._restarts) and not self._installing
            return ends and not self._stop.is_set()

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
        self._begin_update()
        if self.are_waiting:  # in a thread: heartbeats can't wait for a large cache to be deleted
            threading.Thread(target=self.carry_out_if_idle, name="orders", daemon=True).start()
            self._tell_of_waiting()
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
        """Do what had to wait, unless the `floor` is in use; whoever used it must call this afterwards."""
        while self.are_waiting and self.floor.take():
            try:
                self._carry_out()
            finally:
                self.floor.give_back()
            self._tell_of_waiting()

    def _tell_of_waiting(self) -> None:
        """Let the server know at once whether this agent takes jobs, where it could take one beside those that it runs."""
        if self._config.slots > 1:
            self._speaker.beat_now()

    def _carry_out(self) -> None:
        with self._lock:
            wipes, self._wipes_cache = self._wipes_cache, False
            flushes, self._flushes_history = self._flushes_history, False
        try:
            if wipes:
                wipe_caches(self._config.cache_dir)
                logger.info("caches wiped dir=%s", self._config.cache_dir)
            if flushes:
                self._flush_history()
        except OSError as error:
            self._speaker.remark(f"wipe failed: {error}")
            logger.warning("wipe failed: %s", error)
        if self._installed and not self._installing:
            self._switch()
        if self._restarts and not self._installing and self._config.service and not self._stop.is_set():
            self._restart(self._config.service)

    def _begin_update(self) -> None:
        """Install the version that is wanted, if one is, unless one is being installed."""
        with self._lock:
            if self._installing or self._update is None or self._stop.is_set():
                return
            self._installing, self._update = self._update, None
        threading.Thread(target=self._install, name="update", daemon=True).start()

    def _install(self) -> None:
        """Install the wanted version, and switch to it: at once, or after the jobs that run by then. The newest wish counts."""
        while (wanted := self._installing) is not None:
            logger.info("server requested an update version=%s", wanted.target)
            try:
                self._installed = self._updater.install(wanted)
            except UpdateFailed as error:
                self._fail(error)
            finally:
                with self._lock:
                    self._installing, self._update = self._update, None
        self._tell_of_waiting()
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
