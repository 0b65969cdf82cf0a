"""What differs between operating systems, in one object. `this_platform` chooses it once, and it is passed on.

Every platform can be built on every system, so tests of `Windows` run anywhere, with stand-ins for its programs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from cictl_agent.system.household import Household
from cictl_agent.system.interpreters import Interpreter
from cictl_agent.system.process_groups import JobGroups
from cictl_agent.system.processes import Processes
from cictl_agent.system.service_managers import Service

Setting = Callable[[str], str]
"""Returns a setting by its name without `CICTL_` or `CIWI_`; empty for one that is not set."""


class Platform(Protocol):
    """One operating system, as the agent sees it."""

    @property
    def os_name(self) -> str:
        """Go's name of the system, such as `linux` or `darwin`."""

    @property
    def interpreters(self) -> Mapping[str, Interpreter]:
        """The shells that jobs may ask for, by name; a job that asks for none gets the first."""

    @property
    def groups(self) -> JobGroups: ...

    @property
    def git_options(self) -> tuple[str, ...]:
        """Options for every call of git."""

    @property
    def makes_links(self) -> bool:
        """Whether anybody may make symbolic links, and everybody can read them."""

    def job_processes(
        self,
        job_id: str,
        *,
        adopts_orphans: bool = False,
        household: Household | None = None,
        directory: Path | None = None,
    ) -> Processes:
        """Return the processes of a job; see `JobProcesses`."""

    def locate(self, tool: str) -> str | None:
        """Return the path of a tool's program; None where there is none."""

    def merge(self, *environments: Mapping[str, str]) -> dict[str, str]:
        """Return one environment; of variables with the same name the last wins."""

    def file_name(self, name: str) -> str:
        """Return a file name that is allowed here for *name*, which has only letters, digits and `._-`."""

    def is_usable_name(self, part: str) -> bool:
        """Tell whether a file can have this name here; it comes from a server and may be anything."""

    def container_user(self) -> str:
        """Return the user that steps in a container run as; empty for the image's own."""

    def find_service(self, environment: Mapping[str, str], setting: Setting) -> Service | None:
        """Return the service that this process runs as; None if it is not one."""

    def env_file(self, environment: Mapping[str, str]) -> Path | None:
        """Return the file that is read for further settings; None where there is none."""


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
