"""Systems with signals and `sh`: what all of them share, and Linux. macOS has a module of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from cictl_agent.system.household import Household
from cictl_agent.system.interpreters import BASH, SH, Interpreter
from cictl_agent.system.platforms import Setting
from cictl_agent.system.process_groups import JobGroups, PosixGroups
from cictl_agent.system.processes import JobProcesses, Processes
from cictl_agent.system.service_managers import Service, SystemdService

DEFAULT_SERVICE = "cictl-agent.service"


class Posix:
    """Any system with signals and `sh`. It knows no service manager."""

    git_options: tuple[str, ...] = ()
    makes_links: bool = True

    def __init__(self, os_name: str) -> None:
        self.os_name = os_name
        self.interpreters: Mapping[str, Interpreter] = {"posix": SH}
        if shutil.which(BASH.program):
            self.interpreters = {"posix": SH, "bash": BASH}
        self.groups: JobGroups = PosixGroups()

    def job_processes(
        self,
        job_id: str,
        *,
        adopts_orphans: bool = False,
        household: Household | None = None,
        directory: Path | None = None,
    ) -> Processes:
        return JobProcesses(job_id, adopts_orphans=adopts_orphans, household=household, directory=directory)

    def locate(self, tool: str) -> str | None:
        return shutil.which(tool)

    def merge(self, *environments: Mapping[str, str]) -> dict[str, str]:
        return {name: value for environment in environments for name, value in environment.items()}

    def file_name(self, name: str) -> str:
        return name

    def is_usable_name(self, part: str) -> bool:
        return True

    def container_user(self) -> str:
        return f"{os.getuid()}:{os.getgid()}"

    def find_service(self, environment: Mapping[str, str], setting: Setting) -> Service | None:
        return None

    def env_file(self, environment: Mapping[str, str]) -> Path | None:
        return None


class Linux(Posix):
    """Linux, with or without systemd."""

    def __init__(self) -> None:
        super().__init__("linux")

    def find_service(self, environment: Mapping[str, str], setting: Setting) -> Service | None:
        """Return the systemd service that this process runs as.

        systemd sets INVOCATION_ID for a service. A terminal that is a service itself passes the variable on to every
        command. So where systemd also sets SYSTEMD_EXEC_PID, that must be this process or its parent.
        """
        started = environment.get("SYSTEMD_EXEC_PID", "")
        if not environment.get("INVOCATION_ID"):
            return None
        if started and started not in (str(os.getpid()), str(os.getppid())):
            return None
        return SystemdService(setting("AGENT_SYSTEMD_SERVICE_NAME") or DEFAULT_SERVICE)
