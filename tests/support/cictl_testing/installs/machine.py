"""Machines to install on: a folder instead of /, and a systemctl that really runs services."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import tinydb
from filelock import BaseFileLock

import cictl
import cictl_agent
import cictl_client
import cictl_server
from cictl.installation.layout import Layout
from cictl_testing.installs import copies, service_manager
from cictl_testing.installs.copies import copy, copy_tree
from cictl_testing.installs.wheels import SOURCE, build_wheel, package_version
from cictl_testing.ports import free_port
from cictl_testing.servers.release_server import ReleaseServer

SCRIPTS = SOURCE / "install"
SERVER = "cictl.service"
AGENT = "cictl-agent.service"

_PYTHON = """\
case "$1 $2" in
'-m venv') exec {python} -I {copies} {empty} "$3" ;;
*sys.executable*) echo "$0"; exit ;;
esac
exec {python} "$@"\
"""


def whole_wheel(directory: Path, tag: str) -> Path:
    """Make a wheel of cictl as it stands here that finds its dependencies in this environment: quick to install."""
    version = package_version(tag)
    contents = {"dependencies.pth": str(Path(tinydb.__file__).parents[1]).encode()}
    for package in (cictl, cictl_server, cictl_client, cictl_agent):
        root = Path(str(package.__file__)).parent
        for path in root.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                contents[f"{root.name}/{path.relative_to(root)}"] = path.read_bytes()
    init = contents["cictl/__init__.py"].decode()
    contents["cictl/__init__.py"] = re.sub(r'__version__ = ".*"', f'__version__ = "{version}"', init).encode()
    return build_wheel(directory, "cictl", version, contents, scripts={"cictl": "cictl.cli.entry:main"})


def publish(releases: ReleaseServer, tag: str, wheels: Mapping[str, bytes], *, checksums: str | None = None) -> None:
    version = package_version(tag)
    files = {f"cictl-{version}-py3-none-any.whl": wheels[tag], f"cictl-{version}-requirements.txt": b"# none\n"}
    releases.publish(tag, files, checksums=checksums)


class Machine:
    """A machine below one folder.

    Attributes:
        root: What / is to the installers.
        environment: Settings for the scripts, `CICTL_PORT` of a free port among them.
    """

    def __init__(self, empty: Path) -> None:
        """Make one whose Python copies *empty*, a virtual environment, where it is asked for a new one."""
        self.place = Path(tempfile.mkdtemp(prefix="ci-", dir="/tmp"))
        self.root = self.place / "r"
        self.root.mkdir()
        self.state = self.place / "systemd"
        self.programs = self.place / "bin"
        self.port = free_port()
        self.add_program("systemctl", f'exec {sys.executable} -I {service_manager.__file__} "$@"')
        self.add_program("journalctl", f'cat {self.state}/"$2".log')
        self.add_program("python3", _PYTHON.format(python=sys.executable, copies=copies.__file__, empty=empty))
        self.environment = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "CICTL_INSTALL_ROOT": str(self.root),
            "CICTL_PORT": str(self.port),
            "CICTL_PYTHON": str(self.programs / "python3"),
            "CICTL_UPDATE_INDEX_URL": "none",
            "CICTL_UPDATE_HEALTH_TIMEOUT": "150",
            "STANDIN_UNITS": str(self.root / "etc/systemd/system"),
            "STANDIN_STATE": str(self.state),
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_program(self, name: str, body: str) -> None:
        """Put a program in front of the machine's own."""
        self.programs.mkdir(exist_ok=True)
        (self.programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (self.programs / name).chmod(0o755)

    def run(self, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one of the scripts as an unattended program would."""
        return subprocess.run(
            ["sh", str(SCRIPTS / f"{script}.sh"), *arguments],
            env={**self.environment, **environment},
            cwd=self.place,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def ok(self, script: str, *arguments: str, **environment: str) -> str:
        """Run a script that must succeed and return what it says."""
        done = self.run(script, *arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def held_lock(self) -> BaseFileLock:
        """Hold the lock of updates: the installer then fetches and verifies, and goes no further."""
        home = self.root / "opt/cictl"
        home.mkdir(parents=True, exist_ok=True)
        return Layout(home, home).lock()

    def cictl(self, *arguments: str) -> str:
        """Run the installed program against the installed server."""
        done = subprocess.run(
            [str(self.root / "usr/local/bin/cictl"), *arguments],
            env={**self.environment, "CICTL_SERVER_URL": self.url, "XDG_CONFIG_HOME": str(self.place)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def systemctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.programs / "systemctl"), *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=90, check=False)

    def is_active(self, unit: str) -> bool:
        return self.systemctl("is-active", unit).returncode == 0

    def is_enabled(self, unit: str) -> bool:
        return self.systemctl("is-enabled", unit).returncode == 0

    def main_pid(self, unit: str) -> int:
        return int(self.systemctl("show", "-p", "MainPID", unit).stdout.partition("=")[2] or 0)

    def served_version(self) -> str:
        return self.cictl("info", "--query", "server_info.version", "-o", "name").strip('"').removeprefix("v")

    def current_version(self) -> str:
        return (self.root / "opt/cictl/current").readlink().name

    def files(self) -> set[str]:
        """Return the path of everything that is neither a folder nor the program's own data or code."""
        found = [path for path in self.root.rglob("*") if path.is_symlink() or path.is_file()]
        names = {str(path.relative_to(self.root)) for path in found}
        return {name for name in names if not name.startswith(("opt/", "var/"))}

    def settings(self, name: str = "cictl") -> Path:
        return self.root / "etc/default" / name

    def give(self, folder: Path) -> None:
        """Keep what is installed in *folder*, for machines that `take` it."""
        self.stop()
        copy_tree(self.root, folder / "root")
        (folder / "place").write_text(f"{self.root}\n{self.port}")

    def take(self, folder: Path, name: str) -> None:
        """Keep what another machine gave, for `load`."""
        root, port = (folder / "place").read_text().splitlines()
        copy(folder / "root", self.place / name, {root: str(self.root), port: str(self.port)})

    def load(self, name: str, *units: str) -> None:
        """Become what was taken under this name, and start *units*."""
        copy_tree(self.place / name, self.root)
        for unit in units:
            self.systemctl("enable", unit)
            self.systemctl("start", unit)
        self.cictl("healthcheck", "--wait", "--timeout", "80")

    def stop(self) -> None:
        """End every service and forget it."""
        for supervisor in self.state.glob("*.supervisor"):
            self.systemctl("stop", supervisor.stem)
        shutil.rmtree(self.state, ignore_errors=True)

    def clear(self) -> None:
        """End every service, and remove everything."""
        self.stop()
        shutil.rmtree(self.root)
        self.root.mkdir()

    def close(self) -> None:
        self.clear()
        shutil.rmtree(self.place)
