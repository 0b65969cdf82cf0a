"""The service that an agent runs as: what starts it anew, and how the agent asks for that."""

from __future__ import annotations

import subprocess
import threading
from dataclasses import dataclass
from typing import Protocol

from cictl_agent.system.interpreters import quoted_for_powershell

_LAUNCHCTL_SECONDS = 10
_DETACHED = 0x8 | 0x200  # DETACHED_PROCESS and CREATE_NEW_PROCESS_GROUP of winbase.h
_FALLBACK_CODE = 23


class RestartFailed(Exception):
    """The service manager could not be asked for a restart; the text says why."""


class Service(Protocol):
    """One service of a service manager.

    Attributes:
        name: The name that the manager knows it by.
        announcement: What the server is told before the restart.
        fallback_code: The exit code to end with when the manager could not be asked. Managers that start anew only what
            failed need one that is not 0.
    """

    @property
    def name(self) -> str: ...

    @property
    def announcement(self) -> str: ...

    @property
    def fallback_code(self) -> int: ...

    def restart(self) -> None:
        """Ask the manager for the restart. The agent ends itself afterwards, unless the manager ended it already.

        Raises:
            RestartFailed: The manager could not be asked.
        """


@dataclass(frozen=True)
class Supervisor:
    """Something that starts the agent again whenever it ends. No agent can see that, so a setting says it."""

    name: str
    fallback_code: int = 0

    @property
    def announcement(self) -> str:
        return f"restart via exit requested ({self.name})"

    def restart(self) -> None:
        """Do nothing: the supervisor starts the agent again once it has ended."""


@dataclass(frozen=True)
class SystemdService:
    """A unit with `Restart=always`: systemd notices the end of the agent, and need not be asked."""

    name: str
    fallback_code: int = 0

    @property
    def announcement(self) -> str:
        return f"restart via systemd self-exit requested ({self.name})"

    def restart(self) -> None:
        """Do nothing: systemd restarts the agent once it has ended."""


@dataclass(frozen=True)
class LaunchdService:
    """A launch agent of the user with this id; for root, a launch daemon."""

    name: str
    user_id: int
    launchctl: str = "launchctl"
    fallback_code: int = 0

    @property
    def announcement(self) -> str:
        return f"restart via launchctl requested ({self.name})"

    def restart(self) -> None:
        domain = f"gui/{self.user_id}" if self.user_id else "system"
        command = [self.launchctl, "kickstart", "-k", f"{domain}/{self.name}"]
        try:
            done = subprocess.run(  # noqa: S603 - the command that the settings name
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_LAUNCHCTL_SECONDS,
                check=False,
                start_new_session=True,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RestartFailed(str(error)) from error
        if done.returncode:
            said = done.stdout.decode(errors="replace").strip()
            raise RestartFailed(said or f"launchctl: exit status {done.returncode}")


@dataclass(frozen=True)
class WindowsService:
    """A Windows service. A PowerShell that outlives the agent stops and starts the service.

    Where PowerShell can't be started the agent ends with a failure, and the service's recovery action starts it anew.
    """

    name: str
    creation_flags: int = _DETACHED
    fallback_code: int = _FALLBACK_CODE

    @property
    def announcement(self) -> str:
        return f"restart via windows service requested ({self.name})"

    @property
    def script(self) -> str:
        name = quoted_for_powershell(self.name)
        return (
            f"Start-Sleep -Seconds 1; Stop-Service -Name {name} -Force -ErrorAction SilentlyContinue; "
            f"Start-Service -Name {name}"
        )

    def restart(self) -> None:
        try:
            powershell = subprocess.Popen(  # noqa: S603 - our script, with quoted names
                ["powershell", "-NoProfile", "-NonInteractive", "-Command", self.script],  # noqa: S607 - found on the PATH of the service, as all tools
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                creationflags=self.creation_flags,
            )
        except OSError as error:
            raise RestartFailed(str(error)) from error
        threading.Thread(target=powershell.wait, daemon=True).start()  # only returns if PowerShell failed to stop us
