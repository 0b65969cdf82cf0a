"""A stand-in for docker's command line, run as a program: containers are directories, and what runs in them runs here.

Like the real one, a client that is stopped leaves behind what it started; only `kill` and `rm` end that.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

_FLAGS = ("-d", "-i", "-f", "-v")
_ABSENT = 1
_REFUSED = 125


class Program:
    """One call of the command line, with its state below one directory."""

    def __init__(self, state: Path, arguments: list[str]) -> None:
        self._state = state
        self._arguments = arguments
        self._options: list[tuple[str, str]] = []

    def main(self) -> int:
        record = json.dumps({"arguments": self._arguments, "environment": dict(os.environ)})
        with (self._state / "calls").open("a") as calls:
            calls.write(record + "\n")
        verb = self._arguments[0]
        if fault := json.loads((self._state / "faults").read_text()).get(verb):
            if fault["hangs"]:
                signal.pause()
            print(fault["text"], file=sys.stderr)
            return int(fault["code"])
        match verb:
            case "--version":
                print("Docker version 99.1.0, build 0")
            case "info":
                print((self._state / "info").read_text())
            case "image":
                return 0 if self._image(self._arguments[2]).exists() else self._missing("image", self._arguments[2])
            case "pull":
                print(f"Pulling {self._arguments[1]}")
                self._image(self._arguments[1]).touch()
            case "run":
                return self._run()
            case "inspect":
                return self._inspect(self._arguments[-1])
            case "logs":
                print("cannot sleep")
            case "exec":
                return self._exec()
            case "kill" | "rm":
                return self._end(self._arguments[-1], remove=verb == "rm")
        return 0

    def _image(self, name: str) -> Path:
        return self._state / "images" / quote(name, safe="")

    def _container(self, name: str) -> Path:
        return self._state / "containers" / name

    def _missing(self, what: str, name: str) -> int:
        print(f"Error response from daemon: No such {what}: {name}", file=sys.stderr)
        return _ABSENT

    def _rest(self) -> list[str]:
        """Note the options, and return what comes after them."""
        left = self._arguments[1:]
        while left and left[0].startswith("-"):
            if left[0] in _FLAGS:
                left = left[1:]
            else:
                self._options.append((left[0], left[1]))
                left = left[2:]
        return left

    def _values(self, option: str) -> list[str]:
        return [value for name, value in self._options if name == option]

    def _run(self) -> int:
        self._rest()
        fields = [mount.split(",") for mount in self._values("--mount")]
        mounts = {target.removeprefix("target="): source.removeprefix("source=") for _, source, target in fields}
        name = self._values("--name")[0]
        container = self._container(name)
        if container.exists():
            print(f'Conflict. The container name "/{name}" is already in use.', file=sys.stderr)
            return _REFUSED
        container.mkdir(parents=True)
        (container / "mounts").write_text(json.dumps(mounts))
        return 0

    def _inspect(self, name: str) -> int:
        if not self._container(name).exists():
            return self._missing("object", name)
        print("false" if (self._state / "exits-at-once").exists() else "true")
        return 0

    def _exec(self) -> int:
        name, *command = self._rest()
        container = self._container(name)
        if not container.exists():
            return self._missing("container", name)
        mounts = json.loads((container / "mounts").read_text())
        directory = mounts[directories[0]] if (directories := self._values("-w")) else next(iter(mounts.values()), "/")
        passed = {key: os.environ[key] for key in self._values("--env") if key in os.environ}
        ended = container / f"ended-{os.getpid()}"
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                self._execute(command, directory, passed, container, ended)
            os._exit(0)
        os.wait()
        while not ended.exists():
            time.sleep(0.01)
        return int(ended.read_text())

    def _execute(
        self, command: list[str], directory: str, passed: dict[str, str], container: Path, ended: Path
    ) -> None:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env={"PATH": os.environ["PATH"], "HOME": directory, **passed},
            stdin=sys.stdin if "-i" in self._arguments else subprocess.DEVNULL,
            start_new_session=True,
        )
        (container / f"session-{process.pid}").touch()
        code = process.wait()
        written = ended.with_suffix(".new")
        with contextlib.suppress(FileNotFoundError):  # the container is removed
            written.write_text(str(code if code >= 0 else 128 - code))
            written.rename(ended)
        os._exit(0)

    def _end(self, name: str, *, remove: bool) -> int:
        container = self._container(name)
        if not container.exists():
            return self._missing("container", name)
        for session in container.glob("session-*"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(session.name.partition("-")[2]), signal.SIGKILL)
        if remove:
            container.rename(self._state / "removed" / f"{name}-{os.getpid()}")
        return 0


if __name__ == "__main__":
    sys.exit(Program(Path(sys.argv[1]), sys.argv[2:]).main())
