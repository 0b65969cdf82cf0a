"""macOS: tools that are in Xcode only, and launchd."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from cictl_agent.system.commands import ask
from cictl_agent.system.platforms import Setting
from cictl_agent.system.platforms.posix import Posix
from cictl_agent.system.service_managers import LaunchdService, Service

_LAUNCHD_PID = 1
_XCRUN_SECONDS = 5
_IN_XCODE = ("notarytool", "stapler", "xcodebuild")
"""Tools that may not be on PATH but in Xcode, where `xcrun` finds them."""


class MacOS(Posix):
    """A Mac."""

    def __init__(self, *, plist_buddy: Path = Path("/usr/libexec/PlistBuddy")) -> None:
        super().__init__("darwin")
        self._plist_buddy = plist_buddy

    def locate(self, tool: str) -> str | None:
        if tool == "plistbuddy":
            return str(self._plist_buddy) if self._plist_buddy.exists() else None
        return shutil.which(tool) or (self._in_xcode(tool) if tool in _IN_XCODE else None)

    def find_service(self, environment: Mapping[str, str], setting: Setting) -> Service | None:
        """Return the launchd job whose label is set, if launchd started this process.

        The parent decides: whatever the launchd job starts inherits the label, too.
        """
        label = setting("AGENT_LAUNCHD_LABEL")
        if not label or os.getppid() != _LAUNCHD_PID:
            return None
        return LaunchdService(label, user_id=os.getuid(), launchctl=setting("LAUNCHCTL_PATH") or "launchctl")

    def _in_xcode(self, tool: str) -> str | None:
        if not (xcrun := shutil.which("xcrun")):
            return None
        found = ask([xcrun, "--find", tool], limit_seconds=_XCRUN_SECONDS, environment=os.environ, groups=self.groups)
        return found.output.strip() if found.code == 0 else None
