"""What a server can order of an agent in the answer to a heartbeat."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from cictl.wire.agents import HeartbeatResponse
from cictl_agent.caches import wipe_caches
from cictl_agent.config import AgentConfig
from cictl_agent.workspace import remove_tree

logger = logging.getLogger(__name__)

NO_UPDATE = "agent is not running as a service; self-update disabled"
"""Servers look for this text, to leave agents alone that can't update themselves."""
NO_RESTART = "restart unavailable: this agent does not restart itself; restart its process"


class Speaker(Protocol):
    """Whoever carries answers to the server."""

    def remark(self, text: str) -> None: ...

    def report_update_failure(self, text: str) -> None: ...


class Orders:
    """Carries orders out: looking at tools at once, what touches files only while no job runs.

    Wiping comes before restarting, so that a restart can't make it forgotten.
    """

    def __init__(self, config: AgentConfig, *, refresh_tools: Callable[[], None], speaker: Speaker) -> None:
        self._config = config
        self._refresh_tools = refresh_tools
        self._speaker = speaker
        self._lock = threading.Lock()
        self._wipes_cache = False
        self._flushes_history = False
        self.files = threading.Lock()
        """Held by whoever uses caches and workspaces."""

    def take(self, answer: HeartbeatResponse) -> None:
        """Note what the server wants, and do what can be done now; never blocks for a job."""
        if answer.refresh_tools_requested:
            logger.info("server requested a look at the tools")
            self._refresh_tools()
        if answer.update_requested:
            self._speaker.report_update_failure(NO_UPDATE)
        with self._lock:
            self._wipes_cache |= answer.wipe_cache_requested
            self._flushes_history |= answer.flush_job_history_requested
            is_needed = self._wipes_cache or self._flushes_history
        if is_needed:  # beside, because a large cache takes longer to delete than heartbeats may wait
            threading.Thread(target=self._carry_out_if_idle, name="orders", daemon=True).start()
        if answer.restart_requested:
            self._speaker.remark(NO_RESTART)

    def _carry_out_if_idle(self) -> None:
        """Do what had to wait, unless a job runs: it is done after that."""
        if self.files.acquire(blocking=False):
            try:
                self.carry_out()
            finally:
                self.files.release()

    def carry_out(self) -> None:
        """Do what had to wait; the caller holds `files`."""
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

    def _flush_history(self) -> None:
        """Delete the workspaces, and the `job-…` directories that agents of the reference leave."""
        remove_tree(self._config.workspaces_dir)
        self._config.workspaces_dir.mkdir(parents=True, exist_ok=True)
        for leftover in self._config.work_dir.glob("job-*"):
            remove_tree(leftover)
        logger.info("workspaces deleted dir=%s", self._config.workspaces_dir)
