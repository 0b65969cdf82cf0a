"""One of the places in which an agent runs jobs: it leases one, runs it, reports its end, and begins again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cictl_agent.job.run import JobRun
from cictl_agent.job.workspace import Workspaces, workspace_name
from cictl_agent.leasing import Asking, Leased
from cictl_agent.orders import Orders
from cictl_agent.system.interruption import StopReason

logger = logging.getLogger(__name__)

_NO_DISK_SECONDS = 10.0


@dataclass(kw_only=True)
class Slot:
    """One slot of an agent; it runs one job at a time.

    Attributes:
        number: From 1.
        new_run: Prepares a job in a workspace.
        file_name: Makes the name of a workspace one that this system allows.
        stop: Set when the agent must stop.
        current: The job that runs now.
    """

    number: int
    asking: Asking
    orders: Orders
    workspaces: Workspaces
    new_run: Callable[[Leased, Path], JobRun]
    file_name: Callable[[str], str]
    stop: threading.Event
    current: JobRun | None = field(default=None, init=False)

    def work(self) -> None:
        """Run one job after the other, until the agent must stop."""
        is_over = False
        while not is_over:
            with self.asking.next_job(self.number) as leased:
                is_over = leased is None
                if leased is not None:
                    self._take(leased)
            if not is_over:
                self.orders.carry_out_if_idle()

    def interrupt(self, reason: StopReason, detail: str = "") -> None:
        """Stop the job that runs, if one does; its end is still reported."""
        if current := self.current:
            current.interrupt(reason, detail)

    def _take(self, leased: Leased) -> None:
        with self.orders.floor.shared():
            if self.orders.is_restarting:
                return  # a job that is not begun is handed out again
            with self.workspaces.claim(self.file_name(workspace_name(leased.job))) as workspace:
                self._run(self.new_run(leased, workspace))

    def _run(self, run: JobRun) -> None:
        logger.info("job begins job=%s", run.job.id)
        self.current = run
        try:
            if self.stop.is_set():
                run.interrupt(StopReason.AGENT_STOPPED)
            run.run()
        except OSError as error:
            # No log can be kept, so nothing may run. The server takes the job back when its lease runs out.
            logger.error("job cannot be run here job=%s: %s", run.job.id, error)  # noqa: TRY400
            self.stop.wait(_NO_DISK_SECONDS)
        finally:
            self.current = None
            run.processes.close()
