"""Looking at the tools of this machine: which are there, and in which versions."""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePath

from cictl.base.constraints import is_tool_name
from cictl.wire.waiting.requirements import PRESENT
from cictl_agent.system.commands import CommandResult, ask
from cictl_agent.system.platforms import Platform

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
"""The tools that are always looked for, and the arguments that make each tell its version."""

COMMON = ("make", "node", "python3")
"""Always looked for too, since so many jobs want one of them: else the first of these on a new agent would wait for a heartbeat."""

XORG = "xorg-dev"
"""Always looked for too. It is no program but the libraries that programs for X need, as pkg-config knows them."""

MUTE = frozenset({"notarytool", "plistbuddy", "productsign", "signtool", "stapler", "zip"})
"""Tools of `TOOLS` that count as present although they tell no version."""

LAST_RESORTS = (("--version",), ("version",), ("-version",), ("-v",), ("/?",))
"""Arguments that are tried in turn, inside a container, on a tool that is not in `TOOLS`."""

_ODD: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("ant", "ffmpeg", "ffprobe", "java", "javac", "kotlinc", "ocaml", "scala"), ("-version",)),
    **dict.fromkeys(("adb", "helm", "hugo", "kind", "minikube", "openssl", "pulumi", "terraform", "zig"), ("version",)),
    **dict.fromkeys(("lua", "luac", "nginx", "unzip"), ("-v",)),
    **dict.fromkeys(("kubectl", "oc"), ("version", "--client")),
    **dict.fromkeys(("ssh", "tmux"), ("-V",)),
}
"""Tools that are looked for when somebody asks, and that don't answer to `--version`."""

_NEVER_RUN = frozenset({"halt", "init", "kexec", "killall5", "poweroff", "reboot", "shutdown", "telinit"})
"""Programs that stop a machine, and some of which don't care what stands behind their name."""

_XORG_MODULES = ("x11", "xext", "xrandr", "xi", "xcursor", "xinerama", "xfixes", "xscrnsaver")
_KNOWN_SECONDS, _OTHER_SECONDS = 2.0, 5.0
_PROBES_AT_ONCE = 4
_DOTTED = re.compile(r"\d+(?:\.\d+){1,3}")
_STATED = re.compile(r"\bversion[\s:=\"']*v?(\d+(?:\.\d+){1,3})", re.IGNORECASE)
_STATED_WHOLE = re.compile(r"\bversion[\s:=\"']*v?(\d+)", re.IGNORECASE)


class Prober:
    """Asks tools for their versions.

    Only a program on this process's PATH is run, with arguments that ask for a version and nothing else: without input,
    in an empty directory, for a few seconds, its output dropped past the first 64 KiB. What it leaves running is killed.
    """

    def __init__(self, system: Platform, environment: Mapping[str, str], *, limit_seconds: float | None = None) -> None:
        """Prepare for *system*.

        Args:
            environment: What the tools see of the environment; must be without credentials.
            limit_seconds: How long each may take; by default 2 for those of `TOOLS` and 5 for others, which may start a JVM.
        """
        self._system = system
        self._environment = {**environment, "LC_ALL": "C"}
        self._ended = threading.Event()
        self._known_seconds = limit_seconds or _KNOWN_SECONDS
        self._other_seconds = limit_seconds or _OTHER_SECONDS

    def versions(self, names: Iterable[str]) -> dict[str, str]:
        """Return the version of each tool by name, empty for one that is not there; four are asked at once.

        After `end` those that were not asked yet are left out.
        """

        def asked(name: str) -> str | None:
            return None if self._ended.is_set() else self.version(name)

        distinct = list(dict.fromkeys(names))
        with ThreadPoolExecutor(_PROBES_AT_ONCE, thread_name_prefix="probe") as pool:
            versions = zip(distinct, pool.map(asked, distinct), strict=True)
            return {name: version for name, version in versions if version is not None}

    def end(self) -> None:
        """Ask no further tools."""
        self._ended.set()

    def scan(self) -> dict[str, str]:
        """Return the versions of those of `TOOLS`, of the common ones, and of xorg-dev, that are there."""
        return {name: version for name, version in self.versions((*TOOLS, *COMMON, XORG)).items() if version}

    def version(self, name: str, *, known: str = "") -> str:
        """Return the version of a tool as it is now; empty when the tool is not there.

        Args:
            known: Its version at the last look, which counts if it is there and does not answer now.
        """
        if name == XORG:
            return PRESENT if self._has_xorg() else ""
        path = self._locate(name)
        if path is None:
            return ""
        if name in TOOLS:
            asked = self._ask([path, *TOOLS[name]], self._known_seconds)
            if asked.code == -1:  # on a busy machine the first start of a program can take this long
                asked = self._ask([path, *TOOLS[name]], self._other_seconds)
            return version_in(asked) or known or (PRESENT if name in MUTE else "")
        if PurePath(name.casefold()).stem in _NEVER_RUN:
            return PRESENT
        return self._version_of_other(name, path) or known or PRESENT

    def _version_of_other(self, name: str, path: str) -> str:
        # Nothing but what asks for a version: to some programs a word such as `version` is what they work on.
        tries = [_ODD.get(name, ("--version",))]
        if self._system.os_name == "windows":
            tries.append(("/?",))
        return next((v for a in tries if (v := version_in(self._ask([path, *a], self._other_seconds)))), "")

    def _locate(self, name: str) -> str | None:
        """Return the absolute path of a tool; one that a relative entry of PATH leads to does not count."""
        path = self._system.locate(name) if is_tool_name(name) else None
        return path if path and Path(path).is_absolute() else None

    def _has_xorg(self) -> bool:
        pkg_config = self._locate("pkg-config") if self._system.os_name == "linux" else None
        return (
            pkg_config is not None
            and self._ask([pkg_config, "--exists", *_XORG_MODULES], self._known_seconds).code == 0
        )

    def _ask(self, command: list[str], limit_seconds: float) -> CommandResult:
        with tempfile.TemporaryDirectory(prefix="cictl-probe-", ignore_cleanup_errors=True) as empty:
            return ask(
                command,
                limit_seconds=limit_seconds,
                environment=self._environment,
                groups=self._system.groups,
                directory=Path(empty),
                ends_group=True,
            )


def version_in(answer: CommandResult) -> str:
    """Return the version that a tool's output tells; empty without one.

    It is in the first line that has numbers joined by dots: those behind the word "version", else the first of them. A
    single number counts only in the very first line, and only behind that word, as in `openjdk version "21"`.
    """
    lines = answer.output.split("\n") if answer.code != -1 else []
    first = next((line for line in lines if line.strip()), "")
    if not _DOTTED.search(first) and (whole := _STATED_WHOLE.search(first)):
        return whole[1]
    line = next((line for line in lines if _DOTTED.search(line)), "")
    if stated := _STATED.search(line):
        return stated[1]
    return found[0] if (found := _DOTTED.search(line)) else ""
