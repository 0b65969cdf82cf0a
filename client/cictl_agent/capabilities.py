"""What this machine offers: its kind, its shells, and the versions of its tools."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cictl.wire.requirements import CONTAINER_TOOL, TOOL, satisfies
from cictl_agent.questions import Answer, ask

_PROBE_SECONDS = 2
_PROBES_AT_ONCE = 4
_VERSION = re.compile(r"\d+(?:\.\d+){1,3}")
PRESENT = "1"
"""The version of a tool that is there and tells none."""

TOOLS: dict[str, tuple[str, ...]] = {
    "git": ("--version",),
    "go": ("version",),
    "gh": ("--version",),
    "cmake": ("--version",),
    "sccache": ("--version",),
    "ccache": ("--version",),
    "ninja": ("--version",),
    "docker": ("--version",),
    "gcc": ("--version",),
    "clang": ("--version",),
    "xcodebuild": ("-version",),
    "packagesbuild": ("--version",),
    "packagesutil": ("--version",),
    "codesign": ("--version",),
}
"""Tools and the arguments that make them tell their version; one that tells none is not offered."""

_PRESENCE = ("productsign", "notarytool", "stapler", "zip")
"""Tools of which only the presence is told."""

_PLIST_BUDDY = Path("/usr/libexec/PlistBuddy")
_XORG_MODULES = ("x11", "xext", "xrandr", "xi", "xcursor", "xinerama", "xfixes", "xscrnsaver")
LAST_RESORTS = (("--version",), ("version",), ("-version",), ("-v",))
"""What may make an unknown tool tell its version."""

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "i386": "386", "i686": "386"}


def operating_system() -> str:
    """Return Go's name of the system: linux, darwin, windows."""
    return "windows" if sys.platform == "win32" else sys.platform


def architecture() -> str:
    """Return Go's name of the processor: amd64, arm64."""
    machine = platform.machine().lower()
    return _MACHINES.get(machine, "arm" if machine.startswith("arm") else machine)


def base_capabilities(*, is_service: bool = False) -> dict[str, str]:
    """Return what is known without looking at tools.

    Args:
        is_service: Whether something starts the agent anew when it ends.
    """
    return {
        "executor": "script",
        "shells": "posix",
        "os": operating_system(),
        "arch": architecture(),
        "run_mode": "service" if is_service else "manual",
    }


def scan_tools() -> dict[str, str]:
    """Return `tool.<name>` with the version of each tool that is there; takes up to some seconds."""
    with ThreadPoolExecutor(_PROBES_AT_ONCE, thread_name_prefix="probe") as pool:
        versions = dict(zip(TOOLS, pool.map(_version, TOOLS, TOOLS.values()), strict=True))
        xorg = pool.submit(_has_xorg)
    found = {name: version for name, version in versions.items() if version}
    found |= {name: PRESENT for name in _PRESENCE if shutil.which(name)}
    if _PLIST_BUDDY.exists():
        found["plistbuddy"] = PRESENT
    if xorg.result():
        found["xorg-dev"] = PRESENT
    return {f"tool.{name}": version for name, version in sorted(found.items())}


def probe_tool(name: str, known: Mapping[str, str]) -> str:
    """Return the version of a tool as it is now, by whichever argument makes it tell; empty when it is not there.

    Tools that can't be asked keep what *known*, the last scan, says.
    """
    for arguments in (TOOLS[name],) if name in TOOLS else LAST_RESORTS:
        if version := _version(name, arguments):
            return version
    is_present = name not in TOOLS and shutil.which(name) is not None
    return known.get(f"tool.{name}", PRESENT if is_present else "")


def unmet_tools(required: Mapping[str, str], versions: Mapping[str, str], *, in_container: bool = False) -> str:
    """Return what of the required tools *versions* (by name) lack, as one text; empty when nothing is missing."""
    place = "in runtime container" if in_container else "on agent runtime"
    problems = []
    for name, constraint in sorted(required_tools(required, in_container=in_container).items()):
        version = versions.get(name, "")
        if not version:
            suffix = f" (required {constraint})" if constraint else ""
            problems.append(f"{name} missing {place}{suffix}")
        elif not satisfies(constraint, version):
            problems.append(f"{name}={version} does not satisfy {constraint}")
    return "; ".join(problems)


def required_tools(required: Mapping[str, str], *, in_container: bool = False) -> dict[str, str]:
    """Return the constraints, by name, of the tools that must be on this machine, or in the job's container."""
    prefix = CONTAINER_TOOL if in_container else TOOL
    return {key.removeprefix(prefix): constraint for key, constraint in required.items() if key.startswith(prefix)}


def runtime_capabilities(capabilities: Mapping[str, str]) -> dict[str, str]:
    """Return what a job is told to have run with."""
    return {f"host.{key}": value for key, value in capabilities.items()}


def version_in(answer: Answer) -> str:
    """Return the first thing that a tool says and that looks like a version; empty where nothing does."""
    match = _VERSION.search(answer.output) if answer.code != -1 else None
    return match[0] if match else ""


def _version(name: str, arguments: tuple[str, ...]) -> str:
    path = shutil.which(name)
    return version_in(_ask([path, *arguments])) if path else ""


def _has_xorg() -> bool:
    if sys.platform != "linux" or shutil.which("pkg-config") is None:
        return False
    return _ask(["pkg-config", "--exists", *_XORG_MODULES]).code == 0


def _ask(command: list[str]) -> Answer:
    return ask(command, limit_seconds=_PROBE_SECONDS, environment={**os.environ, "LC_ALL": "C"})
