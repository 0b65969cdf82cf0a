"""Weaknesses of the reference's installers, one test each: what goes wrong there does not here."""

from __future__ import annotations

import re
import shutil
import socket
import stat
from collections.abc import Mapping

import pytest
from cictl_testing.installs.machine import SCRIPTS, SERVER, Machine, publish
from cictl_testing.servers.release_server import ReleaseServer

pytestmark = pytest.mark.xdist_group("second machine")


@pytest.mark.weakness("I1")
def test_success_means_healthy(installed: Machine) -> None:
    settings = installed.settings()
    settings.write_text(settings.read_text().replace("CICTL_DATA_DIR=", "CICTL_DATA_DIR=/dev/null/x\n#"))
    done = installed.run("install-server", CICTL_UPDATE_HEALTH_TIMEOUT="20")
    assert done.returncode == 1
    assert "is not healthy" in done.stderr
    assert "/dev/null/x" in done.stderr, "the end of the server's log"


@pytest.mark.weakness("I2")
def test_a_rerun_restarts(installed: Machine) -> None:
    before = installed.main_pid(SERVER)
    installed.ok("install-server")
    assert installed.main_pid(SERVER) not in (0, before)


@pytest.mark.weakness("I3")
def test_uninstalling_keeps_what_is_not_its_own(installed: Machine) -> None:
    program = installed.root / "usr/local/bin/cictl"
    program.unlink()
    program.symlink_to(shutil.which("true") or "")
    installed.ok("uninstall-server")
    assert installed.cictl() == ""
    assert installed.settings().exists()
    assert not installed.is_active("cictl-updater.path")


@pytest.mark.weakness("I4")
def test_settings_are_private(installed: Machine) -> None:
    assert stat.S_IMODE(installed.settings().stat().st_mode) == 0o600
    assert stat.S_IMODE((installed.root / "var/lib/cictl").stat().st_mode) == 0o700


@pytest.mark.weakness("I5")
def test_one_pinned_release_with_the_token(
    installed: Machine, releases: ReleaseServer, wheels: Mapping[str, bytes]
) -> None:
    publish(releases, "v1.1.0", wheels)
    installed.ok("install-server", "--version", "v1.0.0", CICTL_GITHUB_TOKEN="s3cret")
    assert installed.served_version() == "1.0.0"
    assert not any("v1.1.0" in path or path.endswith("latest") for path in releases.paths())
    assert all(seen.headers.get("authorization") == "Bearer s3cret" for seen in releases.seen)
    assert 'CICTL_GITHUB_TOKEN="s3cret"' in installed.settings().read_text()


@pytest.mark.weakness("I6")
def test_no_sudo_and_no_question(installed: Machine) -> None:
    installed.add_program("sudo", f"touch {installed.place}/sudo-was-called")
    installed.ok("install-server")
    installed.ok("uninstall-server")
    installed.ok("uninstall-server", "--purge", "--yes")
    assert not (installed.place / "sudo-was-called").exists()


@pytest.mark.weakness("I7")
def test_jobs_run_as_an_account_of_their_own() -> None:
    units = {path.name: path.read_text() for path in (SCRIPTS / "systemd").glob("*.service")}
    users = {name: re.findall(r"^User=(.*)$", text, re.MULTILINE) for name, text in units.items()}
    own = {"cictl.service": ["cictl"], "cictl-updater.service": ["cictl"], "cictl-agent.service": ["cictl-agent"]}
    assert users == own


@pytest.mark.weakness("I8")
def test_what_is_missing_is_said_first(installed: Machine, releases: ReleaseServer) -> None:
    installed.ok("uninstall-server")
    with socket.create_server(("127.0.0.1", installed.port)):
        said = installed.run("install-server").stderr
    assert "is busy" in said
    assert f"another as CICTL_PORT in {installed.settings()}" in said, "the settings that were kept have the last word"
    assert (
        "systemd 240 or newer is needed; this is 239" in installed.run("install-server", STANDIN_VERSION="239").stderr
    )
    assert releases.seen == []


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
