"""Windows: its names, its compilers, and how to tell that the agent is a service."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from cictl.base.names.windows_names import is_windows_name, windows_name
from cictl.base.system.environment import setting
from cictl_agent.system.household import Household
from cictl_agent.system.interpreters import Cmd, Interpreter, PowerShell
from cictl_agent.system.platforms import Setting
from cictl_agent.system.process_groups import TaskkillGroups
from cictl_agent.system.processes import Processes, TreeProcesses
from cictl_agent.system.service_managers import Service, WindowsService

DEFAULT_SERVICE = "cictl-agent"

_COMPILERS = "Microsoft Visual Studio/*/*/VC/Tools/MSVC/*/bin/Host*/*/cl.exe"


def is_in_service_session() -> bool:
    """Tell whether this process is in session 0, which only services are in."""
    if sys.platform == "win32":
        session = ctypes.c_ulong()
        kernel = ctypes.WinDLL("kernel32")
        return bool(kernel.ProcessIdToSessionId(os.getpid(), ctypes.byref(session))) and session.value == 0
    return False


class Windows:
    """Windows 10 or Windows Server 2016, or newer."""

    os_name = "windows"
    git_options: tuple[str, ...] = ("-c", "core.longpaths=true")
    makes_links: bool = False

    def __init__(
        self, *, groups: TaskkillGroups | None = None, in_service_session: Callable[[], bool] = is_in_service_session
    ) -> None:
        self.interpreters: Mapping[str, Interpreter] = {"cmd": Cmd(), "powershell": PowerShell()}
        self.groups = groups or TaskkillGroups()
        self._in_service_session = in_service_session

    def job_processes(
        self,
        job_id: str,
        *,
        adopts_orphans: bool = False,
        household: Household | None = None,
        directory: Path | None = None,
    ) -> Processes:
        return TreeProcesses(self.groups)

    def locate(self, tool: str) -> str | None:
        """Return the path of a tool's program; None where there is none. PATHEXT says which files are programs."""
        return self._compiler() if tool == "msvc" else shutil.which(tool)

    def merge(self, *environments: Mapping[str, str]) -> dict[str, str]:
        """Return one environment. `Path` and `PATH` are one variable here; the spelling that came first is kept."""
        merged: dict[str, str] = {}
        written: dict[str, str] = {}
        for environment in environments:
            for name, value in environment.items():
                merged[written.setdefault(name.upper(), name)] = value
        return merged

    def file_name(self, name: str) -> str:
        return windows_name(name)

    def is_usable_name(self, part: str) -> bool:
        return is_windows_name(part)

    def container_user(self) -> str:
        return ""

    def find_service(self, environment: Mapping[str, str], setting: Setting) -> Service | None:
        """Return the service that this process, or the wrapper that started it, runs as."""
        if not self._in_service_session():
            return None
        return WindowsService(setting("WINDOWS_SERVICE_NAME") or DEFAULT_SERVICE)

    def env_file(self, environment: Mapping[str, str]) -> Path | None:
        base = environment.get("ProgramData") or environment.get("PROGRAMDATA")
        return Path(base) / "cictl-agent" / "agent.env" if base else None

    def _compiler(self) -> str | None:
        """Return the C compiler: the one that is set, else the one on PATH, else the newest of Visual Studio."""
        chosen = setting(os.environ, "MSVC_CL_PATH")
        if chosen:
            return chosen if Path(chosen).is_file() else None
        if on_path := shutil.which("cl"):
            return on_path
        homes = [os.environ.get(name) for name in ("ProgramFiles", "ProgramFiles(x86)")]
        found = [path for home in homes if home for path in Path(home).glob(_COMPILERS)]
        return str(max(found, key=_msvc_version)) if found else None


def _msvc_version(compiler: Path) -> tuple[int, ...]:
    """Return the version of a compiler's tool set, read from the name of its directory."""
    return tuple(int(part) for part in compiler.parents[3].name.split(".") if part.isdigit())
