"""An agent in a thread of the test's own process."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Protocol

from cictl_agent import threaded
from cictl_agent.agent import Agent
from cictl_agent.config import AgentConfig
from cictl_agent.job.containers.container import ContainerUse
from cictl_agent.system.platforms import Platform
from cictl_agent.updating import Updater
from cictl_testing.processes import eventually

TEST_JOB = f"job-of-a-test-{os.getpid()}"
"""The id of a job whose processes are started without an agent; no other test run on this machine has it."""

_MINUTES = 300


class Addressed(Protocol):
    """A server, scripted or real, on a port of its own."""

    @property
    def url(self) -> str: ...


class AgentThread(threaded.AgentThread):
    """An agent for a server, named `a`; unless *settings* say otherwise, it does not trace its shell."""

    def __init__(
        self,
        server: Addressed,
        work_dir: Path,
        *,
        platform: Platform | None = None,
        updater: Updater | None = None,
        container_use: ContainerUse | None = None,
        **settings: Any,
    ) -> None:
        defaults = {"agent_id": "a", "work_dir": work_dir, "server_url": server.url, "trace_shell": False}
        self.config = AgentConfig(**{**defaults, **settings})
        super().__init__(
            Agent(self.config, heartbeat_seconds=1, platform=platform, updater=updater, container_use=container_use)
        )

    def let_time_pass(self) -> None:
        """Do now what the running job has put off for more than minutes, such as to end because its time is over."""
        timers = self.agent._timers
        with timers._changed:
            late = [timer for timer in timers._waiting if not timer.is_off and timer.due > time.monotonic() + _MINUTES]
        for timer in late:
            timer.action()


def gone(pid: int) -> bool:
    """Wait until a process has ended; one that nobody has buried yet counts as ended."""
    return bool(eventually(lambda: not is_alive(pid), what=f"the end of process {pid}"))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the second, if it was waited for after the file was opened
        return False
