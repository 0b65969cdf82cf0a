"""What this machine offers: its kind, its shells, and the versions of its tools."""

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
    "iscc": ("/?",),
    "msvc": (),
    "signtool": ("/?",),
    "productsign": ("--version",),
    "notarytool": ("--version",),
    "stapler": ("--version",),
    "zip": ("-v",),
    "plistbuddy": ("--version",),
}
"""Tools and the arguments that make them tell their version."""

MUTE = frozenset({"notarytool", "plistbuddy", "productsign", "signtool", "stapler", "zip"})
"""Tools that are offered although they tell no version."""

_XORG_MODULES = ("x11", "xext", "xrandr", "xi", "xcursor", "xinerama", "xfixes", "xscrnsaver")
LAST_RESORTS = (("--version",), ("version",), ("-version",), ("-v",), ("/?",))
"""What may make an unknown tool tell its version."""

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "i386": "386", "i686": "386"}


def architecture() -> str:
    """Return Go's name of the processor: amd64, arm64."""
    machine = platform.machine().lower()
    return _MACHINES.get(machine, "arm" if machine.startswith("arm") else machine)


def base_capabilities(system: Platform, *, is_service: bool = False) -> dict[str, str]:
    """Return what is known without looking at tools.

    Args:
        is_service: Whether something starts the agent anew when it ends.
    """
    return {
        "executor": "script",
        "shells": ",".join(system.interpreters),
        "os": system.os_name,
        "arch": architecture(),
        "run_mode": "service" if is_service else "manual",
    }


def scan_tools(system: Platform) -> dict[str, str]:
    """Return `tool.<name>` with the version of each tool that is there; takes up to some seconds."""
    with ThreadPoolExecutor(_PROBES_AT_ONCE, thread_name_prefix="probe") as pool:
        versions = dict(zip(TOOLS, pool.map(lambda name: _known_tool(system, name), TOOLS), strict=True))
        xorg = pool.submit(_has_xorg, system)
    found = {name: version for name, version in versions.items() if version}
    if xorg.result():
        found["xorg-dev"] = PRESENT
    return {f"tool.{name}": version for name, version in sorted(found.items())}


def probe_tool(system: Platform, name: str, known: Mapping[str, str], *, limit_seconds: float = _PROBE_SECONDS) -> str:
    """Return the version of a tool as it is now, by whichever argument makes it tell; empty when it is not there.

    Tools that can't be asked keep what *known*, the last scan, says.
    """
    if name in TOOLS:
        return _known_tool(system, name, limit_seconds) or known.get(f"tool.{name}", "")
    for arguments in LAST_RESORTS:
        if version := _version(system, name, arguments, limit_seconds):
            return version
    return known.get(f"tool.{name}", PRESENT if system.locate(name) else "")


def version_in(answer: CommandResult) -> str:
    """Return the first thing that a tool says and that looks like a version; empty where nothing does."""
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
