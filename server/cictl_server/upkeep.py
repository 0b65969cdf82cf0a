"""What a running server does by itself: expire, tidy up, start what is due, tell others."""

from __future__ import annotations

import threading

from cictl.base.clock import utc_now
from cictl_server.background import Background
from cictl_server.services import Services
from cictl_server.services.core.file_watch import INTERVAL_SECONDS as FILE_WATCH_SECONDS
from cictl_server.services.core.pulse import INTERVAL_SECONDS as MAINTENANCE_SECONDS
from cictl_server.services.logs.finishing import INTERVAL_SECONDS as FINISH_SECONDS
from cictl_server.services.notifications.couriers import INTERVAL_SECONDS as COURIER_SECONDS
from cictl_server.services.retention.retention import FIRST_SECONDS, INTERVAL_SECONDS

_FOLLOW_SECONDS = 2

_WATCH_PAUSE = 0.2
"""Seconds between two passes over what is due; a pass itself waits until something is."""

_SCHEDULE_SECONDS = 2

_SCHEDULE_WORKERS = 3
"""How many runs of schedules are prepared at once: each may wait for a remote."""

_FORGE_SECONDS = 1

_FORGE_WORKERS = 3
"""How many projects' forges are told at once: one that does not answer takes ten seconds."""


class Upkeep:
    """The work of one server. What one of all servers has to do is done by the one that leads."""

    def __init__(self, services: Services, stopping: threading.Event) -> None:
        """Work with *services* until *stopping* is set."""
        self._services = services
        self._stopping = stopping

    def _leads(self) -> bool:
        """Tell whether this server does what one of all servers has to do."""
        return self._services.core.signals.leadership.is_ours

    def begin(self, background: Background) -> None:
        """Do it in threads of *background*, again and again."""
        background.repeat("maintenance", self._maintain, first=MAINTENANCE_SECONDS, pause=MAINTENANCE_SECONDS)
        background.repeat("waiting leases", self._services.jobs.line.run_once, first=0, pause=0)
        background.repeat("retention", self._keep_in_bounds, first=FIRST_SECONDS, pause=INTERVAL_SECONDS)
        background.repeat("logs", self._finish_logs, first=FINISH_SECONDS, pause=FINISH_SECONDS)
        background.repeat("notifications", self._notify, first=COURIER_SECONDS, pause=COURIER_SECONDS)
        # These may wait long for other machines.
        for worker in range(1, _SCHEDULE_WORKERS + 1):
            background.repeat(
                f"schedules {worker}",
                self._start_scheduled_runs,
                first=_SCHEDULE_SECONDS,
                pause=_SCHEDULE_SECONDS,
                is_awaited=False,
            )
        for worker in range(1, _FORGE_WORKERS + 1):
            background.repeat(
                f"forges {worker}", self._tell_forges, first=_FORGE_SECONDS, pause=_FORGE_SECONDS, is_awaited=False
            )
        background.repeat("reload", self._reload_projects, first=0, pause=MAINTENANCE_SECONDS, is_awaited=False)
        background.repeat("watcher", self._watch_projects, first=0, pause=_WATCH_PAUSE)
        background.repeat("followers", self._start_followers, first=_FOLLOW_SECONDS, pause=_FOLLOW_SECONDS)
        look = self._services.core.file_watch.look
        background.repeat("files", look, first=FILE_WATCH_SECONDS, pause=FILE_WATCH_SECONDS, is_awaited=False)

    def _maintain(self) -> None:
        self._services.jobs.expiry.run_once()
        if self._leads():
            self._services.agents.removal.forget_silent()
        self._services.updates.update.settle()
        self._services.about.agreement.follow()
        self._services.updates.fellows.follow()

    def _keep_in_bounds(self) -> None:
        self._services.core.scratch.remove_left(utc_now())
        if self._leads():
            self._services.retention.retention.run_in_background(self._stopping)
            self._services.retention.usage.measure(self._stopping)
            self._services.audit.trail.prune()
            self._services.notifications.delivery.prune()
            self._services.core.idempotency.sweep()

    def _start_scheduled_runs(self) -> None:
        if self._leads():
            self._services.schedules.starting.run_once()

    def _notify(self) -> None:
        if self._leads():
            self._services.notifications.couriers.start_due()

    def _tell_forges(self) -> None:
        if self._leads():
            self._services.forges.delivering.run_once(self._stopping.is_set)

    def _finish_logs(self) -> None:
        if self._leads():
            self._services.logs.finisher.run(self._stopping.is_set)

    def _reload_projects(self) -> None:
        if self._leads():
            self._services.updates.reload.run_if_pending()

    def _start_followers(self) -> None:
        if self._leads():
            self._services.triggers.followers.run_once()

    def _watch_projects(self) -> None:
        if self._leads():
            self._services.triggers.rounds.run_once()
