"""What this machine offers to jobs: its kind, its shells, and the versions of its tools."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from cictl_agent.system.commands import CommandResult, ask
from cictl_agent.system.platforms import Platform

_PROBE_SECONDS = 2
_PROBES_AT_ONCE = 4
_VERSION = re.compile(r"\d+(?:\.\d+){1,3}")
PRESENT = "1"
"""Stands for the version of a tool that is there and tells no version."""

TOOLS: dict[str, tuple[str, ...]] = {
    "git": ("--version",),
    "go": ("version",),
    "gh": ("--version",),
    "cmake": ("--version",),
    "sccache": ("--version",),
    "ccache": ("--version",),
    "ninja": ("--version",),
    "docker": ("--version",),
    "podman": ("--version",),
    "gcc": ("--version",),
    "clang": ("--version",),
    "xcodebuild": ("-version",),
    "packagesbuild": ("--version",),
    "packagesutil": ("--version",),
    "codesign": ("--version",),
    "iscc": ("/?",),
    "msvc": (),
    "signtool": ("/?",),
    "productsign": ("--version",),
    "notarytool": ("--version",),
    "stapler": ("--version",),
    "zip": ("-v",),
    "plistbuddy": ("--version",),
}
"""The tools that are looked for, and the arguments that make each tell its version."""

MUTE = frozenset({"notarytool", "plistbuddy", "productsign", "signtool", "stapler", "zip"})
"""Tools that count as present although they tell no version."""

_XORG_MODULES = ("x11", "xext", "xrandr", "xi", "xcursor", "xinerama", "xfixes", "xscrnsaver")
LAST_RESORTS = (("--version",), ("version",), ("-version",), ("-v",), ("/?",))
"""Arguments that are tried in turn on a tool that is not in `TOOLS`."""

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "i386": "386", "i686": "386"}


def architecture() -> str:
    """Return Go's name of the processor, such as amd64 or arm64."""
    machine = platform.machine().lower()
    return _MACHINES.get(machine, "arm" if machine.startswith("arm") else machine)


def base_capabilities(
    system: Platform, *, is_service: bool = False, labels: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the capabilities that are known without looking at tools.

    Args:
        is_service: Whether a service manager starts the agent anew when it ends.
        labels: What the operator adds. A fact wins over a label of its name.
    """
    return {
        **(labels or {}),
        "executor": "script",
        "shells": ",".join(system.interpreters),
        "os": system.os_name,
        "arch": architecture(),
        "run_mode": "service" if is_service else "manual",
    }


def scan_tools(system: Platform) -> dict[str, str]:
    """Return `tool.<name>` with the version of each tool that is there; takes some seconds at worst."""
    with ThreadPoolExecutor(_PROBES_AT_ONCE, thread_name_prefix="probe") as pool:
        versions = dict(zip(TOOLS, pool.map(lambda name: _known_tool(system, name), TOOLS), strict=True))
        xorg = pool.submit(_has_xorg, system)
    found = {name: version for name, version in versions.items() if version}
    if xorg.result():
        found["xorg-dev"] = PRESENT
    return {f"tool.{name}": version for name, version in sorted(found.items())}


def probe_tool(system: Platform, name: str, known: Mapping[str, str], *, limit_seconds: float = _PROBE_SECONDS) -> str:
    """Return the version of a tool as it is now; empty when the tool is not there.

    A tool that does not answer keeps the version that *known*, the last scan, has for it.
    """
    if name in TOOLS:
        return _known_tool(system, name, limit_seconds) or known.get(f"tool.{name}", "")
    for arguments in LAST_RESORTS:
        if version := _version(system, name, arguments, limit_seconds):
            return version
    return known.get(f"tool.{name}", PRESENT if system.locate(name) else "")


def version_in(answer: CommandResult) -> str:
    """Return the first part of a tool's output that looks like a version; empty without one."""
    match = _VERSION.search(answer.output) if answer.code != -1 else None
    return match[0] if match else ""


def _known_tool(system: Platform, name: str, limit_seconds: float = _PROBE_SECONDS) -> str:
    version = _version(system, name, TOOLS[name], limit_seconds)
    return version or (PRESENT if name in MUTE and system.locate(name) else "")


def _version(system: Platform, name: str, arguments: tuple[str, ...], limit_seconds: float) -> str:
    path = system.locate(name)
    return version_in(_ask(system, [path, *arguments], limit_seconds)) if path else ""


def _has_xorg(system: Platform) -> bool:
    pkg_config = system.locate("pkg-config") if system.os_name == "linux" else None
    return pkg_config is not None and _ask(system, [pkg_config, "--exists", *_XORG_MODULES]).code == 0


def _ask(system: Platform, command: list[str], limit_seconds: float = _PROBE_SECONDS) -> CommandResult:
    return ask(command, limit_seconds=limit_seconds, environment={**os.environ, "LC_ALL": "C"}, groups=system.groups)
