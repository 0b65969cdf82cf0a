"""Machines to install on: a folder instead of /, a systemctl that really runs services, and releases on the loopback."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import cictl_testing.service_manager
import pytest
import tinydb
from cictl_testing.release_server import ReleaseServer
from cictl_testing.wheels import SOURCE, build_wheel, package_version, stub_wheel

import cictl
import cictl_agent
import cictl_client
import cictl_server

SCRIPTS = SOURCE / "install"
SERVER = "cictl.service"
AGENT = "cictl-agent.service"


def whole_wheel(directory: Path, tag: str) -> Path:
    """Make a wheel of cictl as it stands here that finds its dependencies in this environment: quick to install."""
    version = package_version(tag)
    contents = {"dependencies.pth": str(Path(tinydb.__file__).parents[1]).encode()}
    for package in (cictl, cictl_server, cictl_client, cictl_agent):
        root = Path(str(package.__file__)).parent
        for path in root.rglob("*.py"):
            contents[f"{root.name}/{path.relative_to(root)}"] = path.read_bytes()
    init = contents["cictl/__init__.py"].decode()
    contents["cictl/__init__.py"] = re.sub(r'__version__ = ".*"', f'__version__ = "{version}"', init).encode()
    return build_wheel(directory, "cictl", version, contents, scripts={"cictl": "cictl.cli.entry:main"})


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """The wheels by tag: two that work, one that crashes at its start, and one that before that changes the data's schema."""
    folder = tmp_path_factory.mktemp("wheels")
    built = {tag: whole_wheel(folder, tag) for tag in ("v1.0.0", "v1.1.0")}
    built["v1.2.0"] = stub_wheel(folder, "v1.2.0", "crashes")
    built["v1.3.0"] = stub_wheel(folder, "v1.3.0", "migrates")
    return {tag: path.read_bytes() for tag, path in built.items()}


@pytest.fixture
def releases(wheels: Mapping[str, bytes]) -> Iterator[ReleaseServer]:
    """A server of releases with v1.0.0."""
    server = ReleaseServer()
    publish(server, "v1.0.0", wheels)
    yield server
    server.close()


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

    def __init__(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="ci-", dir="/tmp"))
        self.root = self.place / "r"
        self.root.mkdir()
        self.state = self.place / "systemd"
        self.programs = self.place / "bin"
        self.port = free_port()
        self.add_program("systemctl", f'exec {sys.executable} -I {cictl_testing.service_manager.__file__} "$@"')
        self.add_program("journalctl", f'cat {self.state}/"$2".log')
        self.environment = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "CICTL_INSTALL_ROOT": str(self.root),
            "CICTL_PORT": str(self.port),
            "CICTL_PYTHON": sys.executable,
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

    def save(self, name: str) -> None:
        """Keep what is installed, for `load`. Services have to be stopped."""
        shutil.copytree(self.root, self.place / name, symlinks=True)

    def load(self, name: str, *units: str) -> None:
        """Go back to what was saved, and start *units*."""
        shutil.copytree(self.place / name, self.root, symlinks=True, dirs_exist_ok=True)
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


@pytest.fixture
def machine(releases: ReleaseServer) -> Iterator[Machine]:
    """An empty machine."""
    machine = Machine()
    machine.environment.update(releases.environment)
    yield machine
    machine.close()


@pytest.fixture(scope="session")
def image(wheels: Mapping[str, bytes]) -> Iterator[Machine]:
    """A machine that has v1.0.0 of the server saved: a virtual environment can't be moved, but it can be put back."""
    releases = ReleaseServer()
    publish(releases, "v1.0.0", wheels)
    machine = Machine()
    machine.environment.update(releases.environment)
    machine.ok("install-server")
    machine.stop()
    machine.save("server")
    machine.clear()
    releases.close()
    yield machine
    machine.close()


@pytest.fixture(scope="session")
def image_of_both(image: Machine, wheels: Mapping[str, bytes]) -> Machine:
    """The same machine, with an agent saved too, `builder-1`."""
    releases = ReleaseServer()
    publish(releases, "v1.0.0", wheels)
    image.environment.update(releases.environment)
    image.load("server", SERVER)
    image.ok("install-agent", CICTL_SERVER_URL=image.url, CICTL_AGENT_ID="builder-1")
    image.stop()
    image.save("both")
    image.clear()
    releases.close()
    return image


@pytest.fixture
def installed(image: Machine, releases: ReleaseServer) -> Iterator[Machine]:
    """A machine on which v1.0.0 of the server runs."""
    image.environment.update(releases.environment)
    image.load("server", SERVER, "cictl-updater.path")
    yield image
    image.clear()


@pytest.fixture
def both(image_of_both: Machine, releases: ReleaseServer) -> Iterator[Machine]:
    """A machine on which v1.0.0 of server and agent run."""
    image = image_of_both
    image.environment.update(releases.environment)
    image.load("both", SERVER, "cictl-updater.path", AGENT)
    yield image
    image.clear()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
