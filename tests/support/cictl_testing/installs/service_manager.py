"""A systemctl for tests: it reads unit files and really starts, restarts and stops what they name.

Run as `service_manager.py VERB UNIT...`, with `STANDIN_UNITS` the folder of unit files and `STANDIN_STATE` a folder for what
it remembers. Accounts and protection are not its business. Each started unit has a supervisor of its own, a process that
outlives this one, as a service outlives systemctl.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

UNITS = Path(os.environ.get("STANDIN_UNITS", "."))
STATE = Path(os.environ.get("STANDIN_STATE", "."))
PATIENCE_SECONDS = 60.0
RESTART_SECONDS = 0.2


def read_unit(name: str) -> dict[str, list[str]]:
    """Return the values of each key of a unit, whatever their section."""
    values: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text().splitlines():
        key, found, value = line.partition("=")
        if found and not line.startswith("#"):
            values.setdefault(key, []).append(value)
    return values


def environment_of(unit: dict[str, list[str]]) -> dict[str, str]:
    """Return what systemd would give a service: little, and the lines of its settings file."""
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(STATE), "INVOCATION_ID": uuid.uuid4().hex}
    for file in unit.get("EnvironmentFile", []):
        path = Path(file.removeprefix("-"))
        for line in path.read_text().splitlines() if path.exists() else ():
            key, found, value = line.partition("=")
            if found and not line.startswith(("#", ";")):
                environment[key] = shlex.split(value)[0] if value else ""
    return environment


def spawn(name: str) -> subprocess.Popen[bytes]:
    unit = read_unit(name)
    environment = environment_of(unit)
    command: list[str] = []
    for word in shlex.split(unit["ExecStart"][-1]):
        command += shlex.split(environment.get(word[1:], "")) if word.startswith("$") else [word]
    with (STATE / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=unit["WorkingDirectory"][-1],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def is_alive(pid_file: Path) -> bool:
    """Tell whether the process that the file names runs; one that nobody has collected does not."""
    try:
        stat = Path(f"/proc/{int(pid_file.read_text())}/stat").read_text()
    except (OSError, ValueError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_until(check: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def supervise(name: str) -> None:
    """Keep the service running until SIGTERM."""
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    (STATE / f"{name}.supervisor").write_text(str(os.getpid()))
    while not stopping:
        child = spawn(name)
        (STATE / f"{name}.pid").write_text(str(child.pid))
        while child.poll() is None and not stopping:
            time.sleep(0.02)
        end(child)
        deadline = time.monotonic() + RESTART_SECONDS
        while not stopping and time.monotonic() < deadline:
            time.sleep(0.02)
    for kind in ("pid", "supervisor"):
        (STATE / f"{name}.{kind}").unlink()


def end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
    try:
        child.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def watch(name: str) -> None:
    """Start the service of a path unit whenever one of its paths is there."""
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    (STATE / f"{name}.supervisor").write_text(str(os.getpid()))
    paths = [Path(path) for path in read_unit(name)["PathExists"]]
    while not stopping:
        if any(path.exists() for path in paths):
            spawn(name.replace(".path", ".service")).wait()
        time.sleep(0.05)
    (STATE / f"{name}.supervisor").unlink()


def start(name: str) -> bool:
    supervisor = STATE / f"{name}.supervisor"
    if is_alive(supervisor):
        return True
    if read_unit(name).get("Type") == ["oneshot"]:
        return spawn(name).wait() == 0
    with (STATE / f"{name}.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, __file__, "watch" if name.endswith(".path") else "supervise", name],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return wait_until(lambda: is_alive(supervisor))


def stop(name: str) -> bool:
    supervisor = STATE / f"{name}.supervisor"
    if is_alive(supervisor):
        os.kill(int(supervisor.read_text()), signal.SIGTERM)
    return wait_until(lambda: not is_alive(supervisor))


def enable(name: str) -> bool:
    if not (UNITS / name).exists():
        return False
    (STATE / f"{name}.enabled").touch()
    return True


def disable(name: str) -> bool:
    (STATE / f"{name}.enabled").unlink(missing_ok=True)
    return True


def show_main_pid(name: str) -> bool:
    pid = STATE / f"{name}.pid"
    print(f"MainPID={pid.read_text() if is_alive(pid) else 0}")
    return True


def main(arguments: list[str]) -> int:
    STATE.mkdir(parents=True, exist_ok=True)
    if arguments == ["--version"]:
        print(f"systemd {os.environ.get('STANDIN_VERSION', '252')} (252.1)")
        return 0
    with (STATE / "calls").open("a") as calls:
        calls.write(shlex.join(arguments) + "\n")
    verb, *rest = [word for word in arguments if word not in ("--quiet", "--now", "--no-pager", "-p", "MainPID")]
    if verb in ("supervise", "watch"):
        {"supervise": supervise, "watch": watch}[verb](rest[0])
        return 0
    if verb == "daemon-reload":
        return 0
    verbs: dict[str, Callable[[str], bool]] = {
        "start": start,
        "stop": stop,
        "restart": lambda name: stop(name) and start(name),
        "enable": enable,
        "disable": lambda name: (stop(name) if "--now" in arguments else True) and disable(name),
        "is-active": lambda name: is_alive(STATE / f"{name}.supervisor"),
        "is-enabled": lambda name: (STATE / f"{name}.enabled").exists(),
        "show": show_main_pid,
    }
    names = [name if "." in name else f"{name}.service" for name in rest]
    results = [verbs[verb](name) for name in names]
    return 0 if all(results) else 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
