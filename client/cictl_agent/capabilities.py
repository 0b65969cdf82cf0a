"""What this machine offers: its kind, its shells, and the versions of its tools."""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cictl.wire.requirements import CONTAINER_TOOL, TOOL, satisfies

_PROBE_SECONDS = 2
_PROBES_AT_ONCE = 4
_MOST_OUTPUT = 1 << 16
_VERSION = re.compile(r"\d+(?:\.\d+){1,3}")
_PRESENT = "1"

_TOOLS: dict[str, tuple[str, ...]] = {
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
_LAST_RESORTS = (("--version",), ("version",), ("-version",), ("-v",))

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "i386": "386", "i686": "386"}


def operating_system() -> str:
    """Return Go's name of the system: linux, darwin, windows."""
    return "windows" if sys.platform == "win32" else sys.platform


def architecture() -> str:
    """Return Go's name of the processor: amd64, arm64."""
    machine = platform.machine().lower()
    return _MACHINES.get(machine, "arm" if machine.startswith("arm") else machine)


def base_capabilities() -> dict[str, str]:
    """Return what is known without looking at tools.

    `run_mode` would be `service` for an agent that can update itself.
    """
    return {
        "executor": "script",
        "shells": "posix",
        "os": operating_system(),
        "arch": architecture(),
        "run_mode": "manual",
    }


def scan_tools() -> dict[str, str]:
    """Return `tool.<name>` with the version of each tool that is there; takes up to some seconds."""
    with ThreadPoolExecutor(_PROBES_AT_ONCE, thread_name_prefix="probe") as pool:
        versions = dict(zip(_TOOLS, pool.map(_version, _TOOLS, _TOOLS.values()), strict=True))
        xorg = pool.submit(_has_xorg)
    found = {name: version for name, version in versions.items() if version}
    found |= {name: _PRESENT for name in _PRESENCE if shutil.which(name)}
    if _PLIST_BUDDY.exists():
        found["plistbuddy"] = _PRESENT
    if xorg.result():
        found["xorg-dev"] = _PRESENT
    return {f"tool.{name}": version for name, version in sorted(found.items())}


def probe_tool(name: str, known: Mapping[str, str]) -> str:
    """Return the version of a tool as it is now, by whichever argument makes it tell; empty when it is not there.

    Tools that can't be asked keep what *known*, the last scan, says.
    """
    for arguments in (_TOOLS[name],) if name in _TOOLS else _LAST_RESORTS:
        if version := _version(name, arguments):
            return version
    is_present = name not in _TOOLS and shutil.which(name) is not None
    return known.get(f"tool.{name}", _PRESENT if is_present else "")


def unmet_tools(required: Mapping[str, str], versions: Mapping[str, str]) -> str:
    """Return what of the required tools *versions* (by name) lack, as one text; empty when nothing is missing."""
    problems = []
    for key, constraint in sorted(required.items()):
        if not key.startswith(TOOL) or key.startswith(CONTAINER_TOOL):
            continue
        name = key.removeprefix(TOOL)
        version = versions.get(name, "")
        if not version:
            suffix = f" (required {constraint})" if constraint else ""
            problems.append(f"{name} missing on agent runtime{suffix}")
        elif not satisfies(constraint, version):
            problems.append(f"{name}={version} does not satisfy {constraint}")
    return "; ".join(problems)


def required_tools(required: Mapping[str, str]) -> Iterable[str]:
    """Return the names of the tools that must be on this machine."""
    return [key.removeprefix(TOOL) for key in required if key.startswith(TOOL)]


def runtime_capabilities(capabilities: Mapping[str, str]) -> dict[str, str]:
    """Return what a job is told to have run with."""
    return {f"host.{key}": value for key, value in capabilities.items()}


def _version(name: str, arguments: tuple[str, ...]) -> str:
    path = shutil.which(name)
    if path is None:
        return ""
    match = _VERSION.search(_output([path, *arguments]))
    return match[0] if match else ""


def _has_xorg() -> bool:
    if sys.platform != "linux" or shutil.which("pkg-config") is None:
        return False
    return _run(["pkg-config", "--exists", *_XORG_MODULES])[0] == 0


def _output(command: list[str]) -> str:
    """Return what a command prints on both outputs; nothing when it can't be run or takes too long."""
    return _run(command)[1]


def _run(command: list[str]) -> tuple[int, str]:
    """Run a command and return its exit code and output; -1 when it can't be run or takes too long.

    Its output goes to a file: on a pipe, a process it leaves behind could hold us longer than the time limit.
    """
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
                env={**os.environ, "LC_ALL": "C"},
            )
        except OSError:
            return -1, ""
        try:
            code = process.wait(timeout=_PROBE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return -1, ""
        output.seek(0)
        return code, output.read(_MOST_OUTPUT).decode(errors="replace")
