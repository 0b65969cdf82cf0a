"""What the parts of one job share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cictl.wire.jobs import JobExecution
from cictl_agent.config import AgentConfig
from cictl_agent.log.reporter import Reporter
from cictl_agent.log.spool import JobLog
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.platforms import Platform
from cictl_agent.system.processes import Processes
from cictl_client import Client


@dataclass(frozen=True, kw_only=True)
class JobContext:
    """One job on this agent.

    Attributes:
        workspace: The job's own directory; `directory`, where its steps run, is this or `src` in it.
        interruption: Stops checkout and steps.
        aftermath: Stops what follows them; given only when the agent itself stops.
    """

    job: JobExecution
    config: AgentConfig
    client: Client
    workspace: Path
    log: JobLog
    reporter: Reporter
    interruption: Interruption
    aftermath: Interruption
    processes: Processes
    platform: Platform

    @property
    def directory(self) -> Path:
        return self.workspace / "src" if self.job.source else self.workspace
