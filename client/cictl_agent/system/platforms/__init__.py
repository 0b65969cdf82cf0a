"""What differs between operating systems, in one object that is chosen once, by `this_platform`, and passed on.

Each platform can be built on each system: a test of the one for Windows has stand-ins for Windows' programs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from cictl_agent.system.interpreters import Interpreter
from cictl_agent.system.process_groups import JobGroups
from cictl_agent.system.processes import Processes
from cictl_agent.system.service_managers import Service

Setting = Callable[[str], str]
"""Returns a setting by its name without CICTL_ or CIWI_; empty where there is none."""


class Platform(Protocol):
    """One operating system, as the agent sees it."""

    @property
    def os_name(self) -> str:
        """Its name in Go's words."""

    @property
    def interpreters(self) -> Mapping[str, Interpreter]:
        """The shells that jobs may ask for; the first is for jobs that don't."""

    @property
    def groups(self) -> JobGroups: ...

    @property
    def git_options(self) -> tuple[str, ...]:
        """What git is told at each call."""

    def job_processes(self, job_id: str, *, adopts_orphans: bool = False) -> Processes:
        """Return the processes of a job; see `JobProcesses`."""

    def locate(self, tool: str) -> str | None:
        """Return the path of a tool's program; None where there is none."""

    def merge(self, *environments: Mapping[str, str]) -> dict[str, str]:
        """Return one environment, in which later ones win."""

    def file_name(self, name: str) -> str:
        """Return *name*, of letters, digits and `._-`, as one that files can have here."""

    def is_usable_name(self, part: str) -> bool:
        """Tell whether a file of that name can be made here, from a server's word."""

    def container_user(self) -> str:
        """Return the user that a container's steps run as; empty for the image's own."""

    def find_service(self, environment: Mapping[str, str], setting: Setting) -> Service | None:
        """Return the service that this process is."""

    def env_file(self, environment: Mapping[str, str]) -> Path | None:
        """Return where settings are looked for besides the environment, if anywhere."""


def this_platform() -> Platform:
    """Return the platform of the system that this runs on."""
    if sys.platform == "win32":
        from cictl_agent.system.platforms.windows import Windows

        return Windows()
    if sys.platform == "darwin":
        from cictl_agent.system.platforms.macos import MacOS

        return MacOS()
    from cictl_agent.system.platforms.posix import Linux, Posix

    return Linux() if sys.platform == "linux" else Posix(sys.platform)
