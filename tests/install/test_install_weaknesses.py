"""Weaknesses of the reference's installers, one row each: what goes wrong there does not here."""

from __future__ import annotations

import re
import shutil
import socket
import stat
from collections.abc import Callable, Mapping

import pytest
from cictl_testing.release_server import ReleaseServer

from tests.install.conftest import SCRIPTS, SERVER, Machine, publish

pytestmark = pytest.mark.timeout(600)  # virtual environments are built, on machines with other work too

Row = Callable[[Machine, ReleaseServer, Mapping[str, bytes]], None]


def i1_success_means_healthy(machine: Machine, _: ReleaseServer, __: Mapping[str, bytes]) -> None:
    settings = machine.settings()
    settings.write_text(settings.read_text().replace("CICTL_DATA_DIR=", "CICTL_DATA_DIR=/dev/null/x\n#"))
    done = machine.run("install-server", CICTL_UPDATE_HEALTH_TIMEOUT="1")
    assert done.returncode == 1
    assert "is not healthy" in done.stderr
    assert "/dev/null/x" in done.stderr, "the end of the server's log"


def i2_a_rerun_restarts(machine: Machine, _: ReleaseServer, __: Mapping[str, bytes]) -> None:
    before = machine.main_pid(SERVER)
    machine.ok("install-server")
    assert machine.main_pid(SERVER) not in (0, before)


def i3_uninstalling_keeps_what_is_not_its_own(machine: Machine, _: ReleaseServer, __: Mapping[str, bytes]) -> None:
    program = machine.root / "usr/local/bin/cictl"
    program.unlink()
    program.symlink_to(shutil.which("true") or "")
    machine.ok("uninstall-server")
    assert machine.cictl() == ""
    assert machine.settings().exists()
    assert not machine.is_active("cictl-updater.path")


def i4_settings_are_private(machine: Machine, _: ReleaseServer, __: Mapping[str, bytes]) -> None:
    assert stat.S_IMODE(machine.settings().stat().st_mode) == 0o640
    assert stat.S_IMODE((machine.root / "var/lib/cictl").stat().st_mode) == 0o700


def i5_one_pinned_release_with_the_token(
    machine: Machine, releases: ReleaseServer, wheels: Mapping[str, bytes]
) -> None:
    publish(releases, "v1.1.0", wheels)
    machine.ok("install-server", "--version", "v1.0.0", CICTL_GITHUB_TOKEN="s3cret")
    assert machine.served_version() == "1.0.0"
    assert not any("v1.1.0" in path or path.endswith("latest") for path in releases.paths())
    assert all(seen.headers.get("authorization") == "Bearer s3cret" for seen in releases.seen)
    assert 'CICTL_GITHUB_TOKEN="s3cret"' in machine.settings().read_text()


def i6_no_sudo_and_no_question(machine: Machine, _: ReleaseServer, __: Mapping[str, bytes]) -> None:
    machine.add_program("sudo", f"touch {machine.place}/sudo-was-called")
    machine.ok("install-server")
    machine.ok("uninstall-server")
    machine.ok("uninstall-server", "--purge", "--yes")
    assert not (machine.place / "sudo-was-called").exists()


def i7_jobs_run_as_an_account_of_their_own(_: Machine, __: ReleaseServer, ___: Mapping[str, bytes]) -> None:
    units = {path.name: path.read_text() for path in (SCRIPTS / "systemd").glob("*.service")}
    users = {name: re.findall(r"^User=(.*)$", text, re.MULTILINE) for name, text in units.items()}
    own = {"cictl.service": ["cictl"], "cictl-updater.service": ["cictl"], "cictl-agent.service": ["cictl-agent"]}
    assert users == own


def i8_what_is_missing_is_said_first(machine: Machine, releases: ReleaseServer, _: Mapping[str, bytes]) -> None:
    machine.ok("uninstall-server")
    with socket.create_server(("127.0.0.1", machine.port)):
        said = machine.run("install-server").stderr
    assert "is busy" in said
    assert f"another as CICTL_PORT in {machine.settings()}" in said, "the settings that were kept have the last word"
    assert "systemd 240 or newer is needed; this is 239" in machine.run("install-server", STANDIN_VERSION="239").stderr
    assert releases.seen == []


ROWS: list[Row] = [
    i1_success_means_healthy,
    i2_a_rerun_restarts,
    i3_uninstalling_keeps_what_is_not_its_own,
    i4_settings_are_private,
    i5_one_pinned_release_with_the_token,
    i6_no_sudo_and_no_question,
    i7_jobs_run_as_an_account_of_their_own,
    i8_what_is_missing_is_said_first,
]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.__name__) for row in ROWS])
def test_row(installed: Machine, releases: ReleaseServer, wheels: Mapping[str, bytes], row: Row) -> None:
    row(installed, releases, wheels)


SERVER_NEEDS = [
    pytest.param("df", "echo head; echo / 1 1 1024 1% /", "has 1 MiB free; 300 MiB are needed", id="disk"),
    pytest.param("systemctl", "exit 127", "systemd is needed", id="systemd"),
    pytest.param(
        "python3-without-venv",
        'case $2 in *executable*) echo $0 ;; *venv*) exit 1;; *) exec PYTHON "$@";; esac',
        "has no venv module",
        id="venv",
    ),
    pytest.param("python3-old", "exit 1", "is older than Python 3.11", id="python"),
    pytest.param("git", "", "git is needed", id="git"),
]


@pytest.mark.parametrize(("program", "body", "text"), SERVER_NEEDS)
@pytest.mark.parametrize("script", ["install-server", "install-agent"])
def test_a_machine_that_lacks_something(
    machine: Machine, releases: ReleaseServer, script: str, program: str, body: str, text: str
) -> None:
    environment = {}
    if program == "git":
        environment["PATH"] = path_without_git(machine)
    else:
        machine.add_program(program, body.replace("PYTHON", machine.environment["CICTL_PYTHON"]))
    if program.startswith("python3"):
        environment["CICTL_PYTHON"] = str(machine.programs / program)
    done = machine.run(script, **environment)
    assert done.returncode == 1
    assert text in done.stderr
    assert releases.seen == []
    assert machine.files() == set()


def path_without_git(machine: Machine) -> str:
    """Return a PATH with the few programs that the checks need."""
    few = machine.place / "few"
    few.mkdir()
    for name in ("sh", "id", "uname", "sed", "tail"):
        (few / name).symlink_to(f"/bin/{name}" if name == "sh" else f"/usr/bin/{name}")
    return f"{machine.programs}:{few}"
