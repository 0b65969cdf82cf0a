"""Podman and dockerd for tests: each with all its files in a directory of its own, and nothing left of it afterwards.

`docker.io`, `podman`, `runc` and `busybox-static` are Debian's packages. Where one is missing, or where this machine forbids an
engine, tests are skipped with the reason; engines that `CICTL_TEST_ENGINES` names must run.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

import psutil

from cictl_testing.engines.image import BUSYBOX, IMAGE, image_tar
from cictl_testing.processes import die_with_us, eventually

NAMES = ("docker", "podman")
DEMANDED = tuple(os.environ.get("CICTL_TEST_ENGINES", "").split())
"""The engines that must run here."""

_CALL_SECONDS = 120
_PATH = os.pathsep.join(("/usr/bin", "/usr/sbin", "/sbin", os.environ.get("PATH", "")))
_ULIMITS = {"nofile": 1024, "nproc": 4096}
"""What a container may raise its limits to, on machines that allow no more."""


class Unavailable(Exception):
    """This machine can't run the engine; the text says why."""


class RealEngine:
    """A running engine: its command at `path`, and the variables in `environment` that lead the command to it."""

    def __init__(self, name: str) -> None:
        """Start it, and give it the image.

        Raises:
            Unavailable: It does not run here.
        """
        self.name = name
        self.directory = Path(
            tempfile.mkdtemp(prefix=f"cictl-{name}-")
        )  # short: sockets have paths of 108 bytes at most
        self.path = shutil.which(name, path=_PATH) or name
        self.environment: dict[str, str] = {}
        self.registries = self.directory / "registries.conf"
        self._daemon: subprocess.Popen[bytes] | None = None
        self._bridge = ""
        try:
            self._start()
            self._call("import", "--change", 'CMD ["/bin/sh"]', "-", IMAGE, data=image_tar(b""))
            self._call("run", "--rm", IMAGE, "true")
        except BaseException:
            self.stop()
            raise

    def ask(self, *arguments: str) -> str:
        """Run a command of the engine that must succeed, and return its output."""
        return self._call(*arguments)

    def import_image(self, name: str, *changes: str) -> None:
        """Make another image of the same files, with these lines of a Dockerfile."""
        options = [option for change in changes for option in ("--change", change)]
        self._call("import", *options, "-", name, data=image_tar(b""))

    def trust(self, registry: str) -> None:
        """Let images be pulled from a registry without TLS; docker trusts this machine's own."""
        self.registries.write_text(f'[[registry]]\nlocation = "{registry}"\ninsecure = true\n')

    @property
    def containers(self) -> list[str]:
        """The names of all containers, also of those that have ended."""
        return self.ask("ps", "-a", "--format", "{{.Names}}").split()

    def stop(self) -> None:
        """Remove every container, end every process, and delete every mount and file."""
        with contextlib.suppress(Unavailable, FileNotFoundError):
            if names := self.containers:
                self._call("rm", "-f", "-v", *names)
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(timeout=_CALL_SECONDS)
        # Again and again: what dies may have been about to start another one, as `conmon` does.
        while processes := _processes_of(self.directory):
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(processes, timeout=_CALL_SECONDS)
        _unmount_below(self.directory)
        shutil.rmtree(self.directory)
        if self._bridge:
            _ip("link", "delete", self._bridge)

    @property
    def publishes(self) -> bool:
        """Whether this machine reaches ports of containers: podman's are in its network, docker's behind a bridge, if it can have one."""
        return self.name == "podman" or bool(self._bridge)

    def _start(self) -> None:
        if os.getuid():  # dockerd wants it, and another user's podman would keep its books in that user's home
            raise Unavailable("the engines of the tests must be started by root")
        needed = {"docker": ("docker", "dockerd", "runc"), "podman": ("podman", "runc")}[self.name]
        programs = {name: shutil.which(name, path=_PATH) for name in needed}
        packages = "docker.io" if self.name == "docker" else "podman runc"
        if missing := [name for name, path in programs.items() if not path]:
            raise Unavailable(f"{', '.join(missing)} not found; on Debian: apt install {packages}")
        if not BUSYBOX.exists():
            raise Unavailable(f"{BUSYBOX} not found; on Debian: apt install busybox-static")
        start = self._start_docker if self.name == "docker" else self._start_podman
        self.environment = start({name: str(path) for name, path in programs.items()})
        if self._daemon:
            eventually(self._is_up, what="dockerd")

    def _start_podman(self, programs: dict[str, str]) -> dict[str, str]:
        """Write podman's settings; containers are in the network of this machine."""
        root = self.directory
        ulimits = ", ".join(f'"{name}={most}:{most}"' for name, most in _ULIMITS.items())
        (root / "containers.conf").write_text(
            f'[containers]\nnetns = "host"\ndefault_ulimits = [{ulimits}]\n'
            f'[engine]\nruntime = "{programs["runc"]}"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
            f'tmp_dir = "{root}/tmp"\n'
            f'[network]\nnetwork_config_dir = "{root}/networks"\n'
        )
        (root / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{root}/graph"\nrunroot = "{root}/run"\n'
        )
        self.registries.touch()
        return {
            "CONTAINERS_CONF": f"{root}/containers.conf",
            "CONTAINERS_STORAGE_CONF": f"{root}/storage.conf",
            "CONTAINERS_REGISTRIES_CONF": str(self.registries),
        }

    def _start_docker(self, programs: dict[str, str]) -> dict[str, str]:
        """Start the daemon; where this machine allows no bridge, containers have no network but their own loopback."""
        root = self.directory
        self._bridge = _new_bridge()
        host = f"unix://{root}/docker.sock"
        settings = {
            "hosts": [host],
            "data-root": f"{root}/data",
            "exec-root": f"{root}/exec",
            "pidfile": f"{root}/pid",
            "storage-driver": "overlay2",
            "bridge": self._bridge or "none",
            "iptables": False,
            "ip6tables": False,
            "ip-forward": False,
            "ip-masq": False,
            "default-ulimits": {n: {"Name": n, "Hard": most, "Soft": most} for n, most in _ULIMITS.items()},
        }
        (root / "daemon.json").write_text(json.dumps(settings))
        with (root / "log").open("wb") as log:
            self._daemon = subprocess.Popen(
                # In a space of mounts of its own, which goes with its last process.
                ["unshare", "--mount", programs["dockerd"], "--config-file", str(root / "daemon.json")],
                env={**os.environ, "PATH": _PATH},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_us,
            )
        return {"DOCKER_HOST": host, "DOCKER_CONFIG": f"{root}/client"}

    def _is_up(self) -> bool:
        assert self._daemon is not None
        if self._daemon.poll() is not None:
            lines = (self.directory / "log").read_text().splitlines()
            raise Unavailable("dockerd ended: " + (lines or ["in silence"])[-1])
        with contextlib.suppress(Unavailable):
            self._call("version")
            return True
        return False

    def _call(self, *arguments: str, data: bytes = b"") -> str:
        if (
            not self.environment
        ):  # without it the command would reach the engine of this machine, and whatever runs there
            raise Unavailable(f"{self.name} was not started")
        done = subprocess.run(
            [self.path, *arguments],
            env={**os.environ, **self.environment},
            input=data,
            capture_output=True,
            check=False,
            timeout=_CALL_SECONDS,
        )
        if done.returncode:
            raise Unavailable(f"{self.name} {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode()


def _new_bridge() -> str:
    """Return the name of a new bridge with a network of its own; empty where there can't be one."""
    name = f"cictl{secrets.token_hex(4)}"
    network = f"10.{secrets.randbelow(100) + 100}.{secrets.randbelow(256)}.1/24"
    try:
        _ip("link", "add", name, "type", "bridge")
    except (subprocess.CalledProcessError, FileNotFoundError):
        return ""
    _ip("address", "add", network, "dev", name)
    _ip("link", "set", name, "up")
    return name


def _ip(*arguments: str) -> None:
    subprocess.run(
        ["ip", *arguments], env={**os.environ, "PATH": _PATH}, check=True, capture_output=True, timeout=_CALL_SECONDS
    )


def _processes_of(directory: Path) -> list[psutil.Process]:
    """Return the processes that have the directory on their command line, as every helper of an engine does."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if any(str(directory) in argument for argument in process.cmdline()):
                found.append(process)
    return found


def _unmount_below(directory: Path) -> None:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4] for line in lines]
    for point in sorted((p for p in points if p.startswith(f"{directory}/")), reverse=True):
        # It may be gone by now; what stays can't be deleted, and that fails.
        subprocess.run(["umount", "-l", point], check=False, capture_output=True, timeout=_CALL_SECONDS)
